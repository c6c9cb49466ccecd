"""Dtypes: which numbers a library can hold, and what becomes of those that it cannot.

Nothing is narrowed in silence. An array that comes in goes over in its own dtype where the
library has it, else in one that holds its numbers; numbers beyond the dtype that a network
computes in are refused while they are still what the user sees.
"""

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from anynet.checks import as_code
from anynet.typing import Array, HostArray, Namespace

if TYPE_CHECKING:
    from anynet.backends import Backend

DTypes: TypeAlias = frozenset[np.dtype[Any]]
DTYPES = {"float32": 4, "float64": 8}  # in which networks compute, and the bytes of a number


def named(*names: str) -> DTypes:
    """Return dtypes of NumPy by their names."""
    return frozenset(map(np.dtype, names))


def computed_in(dtype: Any) -> str:
    """Return the name of a dtype that networks compute in; np.float32 and torch.float32 have one too."""
    its_own = getattr(dtype, "__name__", dtype.name if isinstance(dtype, np.dtype) else as_code(dtype))
    name = dtype if isinstance(dtype, str) else its_own.rpartition(".")[2]
    if name in DTYPES:
        return name
    cure = ""
    if name in ("float16", "bfloat16", "half"):
        cure = " Sums of costs and gradients need more digits than it has; data in it are taken as they are."
    raise ValueError(f"dtype: expected one of {', '.join(DTYPES)}, got {as_code(dtype)}.{cure}")


STANDARD = named("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64")
# In place of one that a library lacks, the first of these that it has and that holds the numbers.
_INSTEAD = {
    "i": ("int32", "int64"),
    "u": ("uint32", "int32", "int64"),
    "f": ("float32", "float64"),
}


def as_numpy(x: Any, argument: str) -> HostArray:
    """Return what NumPy makes of x, in the machine's byte order; TypeError if it is no real numbers."""
    try:
        a = np.asarray(x)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{argument}: expected numbers in equal rows, got {error}.") from None
    a = widened(a)
    check_real(np, a, argument)
    return a.astype(a.dtype.newbyteorder("="), copy=False)


def refuse_masked(a: Any, argument: str) -> Any:
    """Return what is given; ValueError if some of it is masked: to drop the mask would be to use what it hides."""
    for part in a if isinstance(a, (list, tuple)) else (a,):
        is_masked = isinstance(part, np.ma.MaskedArray) and part.dtype.names is None  # of fields, no numbers anyway
        if is_masked and np.ma.getmaskarray(part).any():
            raise ValueError(
                f"{argument}: expected numbers all of which count, got an array with {int(part.mask.sum())} of them "
                f"masked. Fill them, {argument}.filled(0) say, or choose rows that have none."
            )
    return a


def widened(a: HostArray) -> HostArray:
    """Return an array of NumPy with bfloat16 and the like, which others add to it, as float32."""
    is_added = a.dtype.kind == "V" and a.dtype.names is None and np.can_cast(a.dtype, np.float32)
    return a.astype(np.float32) if is_added else a


def check_real(xp: Namespace, x: Array, argument: str) -> None:
    """Raise TypeError unless an array holds real numbers."""
    if not _is_real(xp, x.dtype):
        raise TypeError(
            f"{argument}: expected real numbers, got an array of {x.dtype}. Convert it to a float dtype first."
        )


@lru_cache(256)  # to ask takes as long as an operation
def _is_real(xp: Namespace, dtype: Any) -> bool:
    kind = getattr(dtype, "kind", "V")  # that of bfloat16 is V too
    return kind in "biuf" if kind != "V" or xp is np else bool(xp.isdtype(dtype, ("bool", "integral", "real floating")))


def check_range(xp: Namespace, x: Array, dtype: str, argument: str) -> None:
    """Raise ValueError if finite numbers of an array are beyond what a dtype holds.

    A device waits for this, where the array's dtype is wider.
    """
    limit = _limit(xp, x.dtype, dtype)
    if limit is None or 0 in x.shape or not (bool(xp.max(x) > limit) or bool(xp.min(x) < -limit)):
        return
    largest = xp.max(xp.where(xp.isfinite(x), xp.abs(x), xp.zeros_like(x)))
    if bool(largest > limit):
        cure = 'Scale them, or compute with dtype="float64"' if dtype == "float32" else "Scale them"
        most = f"{limit:.1e}".replace("+", "")
        size = f"{float(largest):.2g}" if math.isfinite(float(largest)) else "more"  # of longdouble
        raise ValueError(f"{argument}: expected numbers that {dtype} holds, up to {most}, got {size} in size. {cure}.")


@lru_cache(256)
def _limit(xp: Namespace, given: Any, dtype: str) -> float | None:
    """Return the largest number of a dtype, None if those of the given one are no larger."""
    if not _is_real(xp, given) or not xp.isdtype(given, "real floating"):
        return None
    limit = float(np.finfo(dtype).max)
    return limit if float(xp.finfo(given).max) > limit else None  # that of longdouble becomes infinity


def held(backend: "Backend", x: HostArray, has: DTypes) -> HostArray:
    """Return an array of the host in a dtype that a library has and that holds its numbers.

    Whole numbers beyond all that it has become the floats that the network computes in.
    """
    if x.dtype in has:
        return x
    for dtype in _INSTEAD.get(x.dtype.kind, ()):
        if np.dtype(dtype) in has and np.can_cast(x.dtype, dtype):
            return x.astype(dtype)
    if x.dtype.kind == "f":  # longdouble, say: that the numbers are within the range has been seen
        return x.astype("float64" if np.dtype("float64") in has else "float32")
    for dtype in _INSTEAD.get(x.dtype.kind, ()):
        limits = np.iinfo(dtype)
        if np.dtype(dtype) in has and (x.size == 0 or (limits.min <= int(x.min()) and int(x.max()) <= limits.max)):
            return x.astype(dtype)
    return x.astype(backend.dtype)
