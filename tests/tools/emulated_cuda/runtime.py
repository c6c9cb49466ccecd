"""Puts the emulated device (native/runtime.cpp) in place of the CUDA runtime and driver.

CuPy's Cython modules call CUDA through the C-API tables (`__pyx_capi__`) of two modules. A table maps
names to capsules holding a function pointer and, as the capsule's name, its C signature. Each importing
module copies the pointers when it is imported, so the tables are rewritten before `import cupy`.
"""

import ctypes
import re

from . import build

# Entries that need no device and stay CuPy's own.
KEPT = {"check_status", "get_build_version", "_getCUDAMajorVersion"}

_python = ctypes.pythonapi
_python.PyCapsule_GetName.restype = ctypes.c_char_p
_python.PyCapsule_GetName.argtypes = [ctypes.py_object]
_python.PyCapsule_New.restype = ctypes.py_object
_python.PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]

_CTYPES = {
    "PyObject *": ctypes.py_object,
    "int": ctypes.c_int,
    "unsigned int": ctypes.c_uint,
    "float": ctypes.c_float,
    "intptr_t": ctypes.c_ssize_t,
    "size_t": ctypes.c_size_t,
    "uintmax_t": ctypes.c_uint64,
    "cudaMemcpyKind": ctypes.c_int,
    "CUdevice": ctypes.c_int,
}
_ERROR_VALUES = {"PyObject *": "0", "int": "-1", "size_t": "-1", "float": "0"}  # others: 0
_keep_alive = []


def _signature(capsule):
    """('int', ['intptr_t', ...]) of a function capsule, None for the capsule of a variable."""
    match = re.fullmatch(r"(.*?) ?\((.*)\)", _python.PyCapsule_GetName(capsule).decode())
    if not match:
        return None
    arguments = [] if match[2] == "void" else match[2].split(", ")
    return match[1], arguments


def _refusal(module, name, result):
    """C++ source of a function that raises NotImplementedError for an entry that is not emulated."""
    kind = {"PyObject *": "void *", "int": "int", "float": "float"}.get(result, "intptr_t")
    return (
        f'extern "C" {kind} {module}_{name}() {{ emulated_raise_unsupported("{module}.{name}"); '
        f"return {_ERROR_VALUES.get(result, '0')}; }}\n"
    )


def _native_source(tables):
    """The emulated device followed by a refusal for every entry that it does not define."""
    source = (build.NATIVE / "fibers.h").read_text() + (build.NATIVE / "runtime.cpp").read_text()
    for module, table in tables.items():
        for name, capsule in table.items():
            signature = _signature(capsule)
            if signature and name not in KEPT and not re.search(rf"\b{module}_{name}\b", source):
                source += _refusal(module, name, signature[0])
    return source


def _python_function(address, result, arguments):
    """The same native function for callers written in Python."""

    def ctype(text):
        return _CTYPES.get(text) or (ctypes.py_object if text.startswith("struct __pyx_obj") else ctypes.c_void_p)

    arguments = [text for text in arguments if not text.startswith("struct __pyx_opt_args")]
    hidden = [text for text in arguments if text.endswith("__pyx_skip_dispatch")]
    visible = len(arguments) - len(hidden)
    arguments = [text.removesuffix(" __pyx_skip_dispatch") for text in arguments]
    function = ctypes.PYFUNCTYPE(ctype(result), *map(ctype, arguments))(address)
    return lambda *values: function(*values[:visible], *[0] * len(hidden))


def _replace_entries(module_name, module, library):
    table = module.__pyx_capi__
    for name, capsule in list(table.items()):
        signature = _signature(capsule)
        if signature is None or name in KEPT:
            continue
        address = ctypes.cast(getattr(library, f"{module_name}_{name}"), ctypes.c_void_p).value
        capsule_name = ctypes.c_char_p(_python.PyCapsule_GetName(capsule))
        _keep_alive.extend([capsule, capsule_name])
        table[name] = _python.PyCapsule_New(address, capsule_name, None)
        if hasattr(module, name):
            setattr(module, name, _python_function(address, *signature))


def _driver_error_class(base):
    class EmulatedDriverError(base):
        """CUDADriverError whose text does not have to come from a driver."""

        def __init__(self, status):
            names = {
                1: "CUDA_ERROR_INVALID_VALUE: invalid argument",
                500: "CUDA_ERROR_NOT_FOUND: named symbol not found",
            }
            RuntimeError.__init__(self, names.get(status, f"CUDA error {status}"))
            self.status = status

    return EmulatedDriverError


def install(devices, memory_bytes):
    """Build and load the emulated device, swap CuPy's tables, return the native library."""
    from cupy_backends.cuda.api import driver, runtime

    modules = {"runtime": runtime, "driver": driver}
    source = _native_source({name: module.__pyx_capi__ for name, module in modules.items()})
    path = build.build("runtime", source, (*build.BASE_FLAGS, "-O2"))
    library = ctypes.PyDLL(str(path), mode=ctypes.RTLD_GLOBAL)  # kernels link against it
    classes = (runtime.CUDARuntimeError, _driver_error_class(driver.CUDADriverError), runtime.PointerAttributes)
    _keep_alive.append(classes)
    library.emulated_initialize(devices, ctypes.c_size_t(memory_bytes), *map(ctypes.py_object, classes))
    for name, module in modules.items():
        _replace_entries(name, module, library)
    return library
