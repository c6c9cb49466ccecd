"""Stands in for the parts of the CUDA toolkit that CuPy uses as compiled code.

cuBLAS becomes a small shared library under NVIDIA's file name. Thrust (sorting) and the random number Generator
are compiled into CuPy's own extension modules; their Python entry points are replaced by NumPy. Everything else
raises an error that names this package.
"""

import ctypes
import importlib
import importlib.util
import re
import subprocess

import numpy as np

from . import build

_CUBLAS_MODULE, _CUBLAS_SONAME = "cupy_backends.cuda.libs.cublas", "libcublas.so.12"
_CUBLAS_REFUSAL = """
#include <cstdio>
static int refuse(const char* name) {
    fprintf(stderr, "emulated_cuda does not emulate %s\\n", name);
    return not_supported;  // CuPy raises CUBLASError
}
"""
_RNG_METHODS = {
    "random",
    "uniform",
    "normal",
    "standard_normal",
    "integers",
    "exponential",
    "standard_exponential",
    "standard_gamma",
    "gamma",
    "beta",
    "binomial",
    "poisson",
    "geometric",
    "chisquare",
}


def load_cublas():
    """Load blas.cpp, plus a refusal for every other function that CuPy links to, as libcublas.so.12."""
    extension = importlib.util.find_spec(_CUBLAS_MODULE).origin
    symbols = subprocess.run(["nm", "-D", "--undefined-only", extension], capture_output=True, text=True, check=True)
    source = (build.NATIVE / "half_bits.h").read_text() + (build.NATIVE / "blas.cpp").read_text() + _CUBLAS_REFUSAL
    for name in re.findall(r" U (cublas\w+)", symbols.stdout):
        if not re.search(rf"\b{name}\b", source):
            source += f'extern "C" int {name}() {{ return refuse("{name}"); }}\n'
    # The extension asks for symbols of a version named like the library.
    script = build.store(f"{_CUBLAS_SONAME}.version", f"{_CUBLAS_SONAME} {{ global: *; }};\n")
    flags = (*build.BASE_FLAGS, "-O3", f"-Wl,-soname,{_CUBLAS_SONAME}", f"-Wl,--version-script={script}")
    ctypes.CDLL(str(build.build("cublas", source, flags)), mode=ctypes.RTLD_GLOBAL)
    importlib.import_module(_CUBLAS_MODULE)  # now, as CuPy itself would first search for the toolkit


def replace_pathfinder(allowed=()):
    """Refuse other libraries of the toolkit, installed or not: their code would need a real device."""
    from cuda import pathfinder

    load, find = pathfinder.load_nvidia_dynamic_lib, pathfinder.find_nvidia_header_directory

    def load_or_refuse(name):
        if name in allowed:
            return load(name)
        raise pathfinder.DynamicLibNotFoundError(f"emulated_cuda does not emulate {name}")

    def find_or_own(name):  # CuPy insists on a directory, although g++ never reads NVIDIA's headers
        return find(name) or (str(build.NATIVE) if name == "cudart" else None)

    pathfinder.load_nvidia_dynamic_lib = load_or_refuse
    pathfinder.find_nvidia_header_directory = find_or_own


def _device_memory(pointer, dtype, shape):
    dtype = np.dtype(dtype)
    memory = (ctypes.c_char * (dtype.itemsize * int(np.prod(shape)))).from_address(pointer)
    return np.frombuffer(memory, dtype).reshape(shape)


def replace_thrust(count_call):
    """Sort with NumPy; `count_call` is told the name of each call."""
    from cupy.cuda import thrust

    def sort(dtype, data_start, keys_start, shape):
        count_call("thrust::sort")
        _device_memory(data_start, dtype, shape).sort(axis=-1, kind="stable")

    def argsort(dtype, idx_start, data_start, keys_start, shape):
        count_call("thrust::argsort")
        data = _device_memory(data_start, dtype, shape)
        _device_memory(idx_start, np.intp, shape)[...] = np.argsort(data, axis=-1, kind="stable")

    def lexsort(dtype, idx_start, keys_start, k, n):
        count_call("thrust::lexsort")
        _device_memory(idx_start, np.intp, (n,))[...] = np.lexsort(_device_memory(keys_start, dtype, (k, n)))

    thrust.sort, thrust.argsort, thrust.lexsort = sort, argsort, lexsort


def _refuse(what):
    def refuse(*args, **kwargs):
        raise NotImplementedError(f"emulated_cuda does not emulate {what}")

    return refuse


def refuse_cub():
    """CUB is precompiled device code: a call must fail instead of returning garbage."""
    from cupy.cuda import cub

    for name in (
        "cub_reduction",
        "cub_scan",
        "device_reduce",
        "device_segmented_reduce",
        "device_scan",
        "device_csrmv",
        "device_histogram",
    ):
        setattr(cub, name, _refuse("CUB; keep CUPY_ACCELERATORS empty"))


class HostGenerator:
    """cupy.random.Generator over numpy.random.Generator: CuPy's interface, NumPy's number sequences."""

    def __init__(self, seed=None):
        self._host = np.random.default_rng(seed)

    def __getattr__(self, name):
        if name not in _RNG_METHODS:
            _refuse(f"cupy.random.Generator.{name}")()
        draw = getattr(self._host, name)

        def method(*args, dtype=None, **kwargs):
            import cupy

            def to_host(value):
                return value.get() if isinstance(value, cupy.ndarray) else value

            numbers = draw(*map(to_host, args), **{key: to_host(value) for key, value in kwargs.items()})
            return cupy.asarray(numbers, dtype=dtype)

        return method


def replace_random():
    """Draw with NumPy: `cupy.random.default_rng(seed)` gives NumPy's numbers."""
    import cupy.random

    cupy.random.default_rng = lambda seed=None: seed if isinstance(seed, HostGenerator) else HostGenerator(seed)
    cupy.random.Generator = HostGenerator
    for name in ("BitGenerator", "XORWOW", "MRG32k3a", "Philox4x3210"):
        setattr(cupy.random, name, _refuse("CuPy's bit generators; use cupy.random.default_rng(seed)"))
