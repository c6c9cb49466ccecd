"""CUDA's expressions: what each element-wise operation is in the text of a kernel, per dtype.

They are those of CuPy's own functions, so that the same numbers come out. The arguments are of the
operation's dtype, float32 is never computed in double. What is missing here has no such expression.
"""

from anynet.operations import DTYPES

_COMMON = {
    "logical_and": "{0} && {1}",
    "logical_or": "{0} || {1}",
    "logical_xor": "!{0} != !{1}",
    "logical_not": "!{0}",
    "equal": "{0} == {1}",
    "not_equal": "{0} != {1}",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "greater": "{0} > {1}",
    "greater_equal": "{0} >= {1}",
    "where": "{0} ? {1} : {2}",
    "astype": "{0}",
}
_BITS = {"bitwise_and": "{0} & {1}", "bitwise_or": "{0} | {1}", "bitwise_xor": "{0} ^ {1}"}
_NUMBERS = _COMMON | {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "floor_divide": "_floor_divide({0}, {1})",  # which CuPy has
    "square": "{0} * {0}",
    "negative": "-{0}",
    "positive": "{0}",
}
_BOOLS = (
    _COMMON
    | _BITS
    | {
        "add": "{0} | {1}",
        "multiply": "{0} & {1}",
        "maximum": "{0} | {1}",
        "minimum": "{0} & {1}",
        "bitwise_invert": "!{0}",
    }
)
_INTEGERS = (
    _NUMBERS
    | _BITS
    | {
        "bitwise_invert": "~{0}",
        "remainder": "({0} - _floor_divide({0}, {1}) * {1}) * ({1} != 0)",
        "abs": "{0} > 0 ? {0} : -{0}",
        "sign": "({0} > 0) - ({0} < 0)",
        "maximum": "{0} > {1} ? {0} : {1}",
        "minimum": "{0} < {1} ? {0} : {1}",
        "clip": "{0} < {1} ? ({1} > {2} ? {2} : {1}) : {0} > {2} ? {2} : {0}",
    }
)
_ALIKE = """acos acosh asin asinh atan atanh ceil cos cosh exp expm1 floor isfinite isinf isnan log log10 log1p log2
signbit sin sinh sqrt tan tanh trunc"""  # functions of C++, by the same name
_FLOATS = (
    _NUMBERS
    | {name: f"{name}({{0}})" for name in _ALIKE.split()}
    | {
        "divide": "{0} / {1}",
        "remainder": "{0} - _floor_divide({0}, {1}) * {1}",
        "reciprocal": "1 / {0}",
        "abs": "fabs({0})",
        "sign": "{0} > 0 ? 1 : {0} < 0 ? -1 : {0} - {0}",
        "round": "rint({0})",
        "atan2": "atan2({0}, {1})",
        "copysign": "copysign({0}, {1})",
        "hypot": "hypot({0}, {1})",
        "pow": "pow({0}, {1})",
        "maximum": "{0} != {0} || {1} != {1} ? {0} + {1} : max({0}, {1})",
        "minimum": "{0} != {0} || {1} != {1} ? {0} + {1} : min({0}, {1})",
        "clip": "{1} != {1} || {2} != {2} ? {1} + {2} : {0} < {1} ? ({1} > {2} ? {2} : {1}) : {0} > {2} ? {2} : {0}",
        "logaddexp": "{0} == {1} ? {0} + log(2.0) : fmax({0}, {1}) + log1p(exp(-fabs({0} - {1})))",
    }
)
CUDA = {dtype: _BOOLS if dtype == "bool" else _FLOATS if "float" in dtype else _INTEGERS for dtype in DTYPES}

TYPES = {  # dtype -> what C++ calls it
    "bool": "bool",
    "uint8": "unsigned char",
    "uint16": "unsigned short",
    "uint32": "unsigned int",
    "uint64": "unsigned long long",
    "int8": "signed char",
    "int16": "short",
    "int32": "int",
    "int64": "long long",
    "float32": "float",
    "float64": "double",
}
