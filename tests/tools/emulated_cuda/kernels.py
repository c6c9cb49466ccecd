"""Compiles the CUDA sources that CuPy generates with g++ instead of NVRTC."""

import os
import re
from pathlib import Path

from . import build

COMPILE_FLAGS = (
    "-fPIC",
    "-w",
    "-std=c++17",
    "-O1",
    "-fvisibility=hidden",
    "-fno-semantic-interposition",
    "-fno-strict-aliasing",
    "-fwrapv",
    "-ffp-contract=off",
)
LINK_FLAGS = ("-shared", "-Wl,-Bsymbolic")
_NEEDS_FIBERS = re.compile(r"__sync\w+|__shfl\w*_sync|__(ballot|any|all)_sync")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_KERNEL = re.compile(
    r"(>\s*)?(?:__global__\s+void|void\s+__global__)\s+"
    r"(?:__launch_bounds__\s*\([^)]*\)\s*)?(\w+)\s*\("
)
_DYNAMIC_SHARED = re.compile(r"extern\s+__shared__\s+(?:__align__\s*\([^)]*\)\s*)?([^;\[]+?)\s*(\w+)\s*\[\s*\]\s*;")


def _kernel_names(source):
    """Names of the __global__ functions that are not templates (those need name_expressions)."""
    found = _KERNEL.findall(_COMMENT.sub(" ", source))
    return list(dict.fromkeys(name for template, name in found if not template))  # declared, then defined: once


def _for_host(option):
    """Whether g++ gets this NVRTC option. NVIDIA's headers would clash with kernel_host.h."""
    if option.startswith("-I"):
        return not Path(option[2:], "cuda_runtime.h").exists()
    return option.startswith(("-D", "-U"))


def host_source(source, name_expressions):
    """`source` as C++ for g++ with one launcher per kernel, and CuPy's map of lowered names."""
    fibers = "true" if _NEEDS_FIBERS.search(source) else "false"
    text = _DYNAMIC_SHARED.sub(r"EMULATED_DYNAMIC_SHARED(\1, \2);", source)
    text = f'#line 1 "kernel.cu"\n{text}\n'
    text += "".join(f"EMULATED_LAUNCHER({name}, {fibers}, {name})\n" for name in _kernel_names(source))
    lowered = {}
    for number, expression in enumerate(name_expressions or ()):
        lowered[expression] = f"expression_{number}"
        text += (
            f"EMULATED_EXPORT void expression_{number}() {{}}\n"
            f"EMULATED_LAUNCHER(expression_{number}, {fibers}, {expression})\n"
        )
    return text, lowered


class _Compiler:
    """Stands in for cupy.cuda.compiler._compile_with_cache_cuda."""

    def __init__(self, compiler_module, include_directories, check_with_nvrtc):
        self.cupy = compiler_module
        self.check_with_nvrtc = check_with_nvrtc
        prelude = "".join((build.NATIVE / name).read_text() for name in ("half_bits.h", "kernel_host.h"))
        flags = (*COMPILE_FLAGS, *(f"-I{directory}" for directory in include_directories))
        # The header is parsed once into a precompiled header; "name.h.gch" is what g++ looks for.
        precompiled = build.build("prelude", prelude, flags, ".h.gch", "c++-header")
        plain = build.store(precompiled.stem, prelude)
        self.flags = (*flags, *LINK_FLAGS, "-include", str(plain))

    def __call__(
        self,
        source,
        options,
        arch,
        extra_source=None,
        backend="nvrtc",
        enable_cooperative_groups=False,
        name_expressions=None,
        log_stream=None,
        cache_in_memory=False,
        jitify=False,
        to_ltoir=False,
    ):
        if enable_cooperative_groups or jitify or to_ltoir:
            raise NotImplementedError("emulated_cuda does not emulate cooperative groups, Jitify or LTO")
        if self.check_with_nvrtc:
            self.cupy._compile_using_nvrtc_no_warning(
                source, (*options, "-ftz=true"), arch, "kernel.cu", name_expressions, log_stream
            )
        text, lowered = host_source(source, name_expressions)
        flags = self.flags + tuple(filter(_for_host, options))
        try:
            path = build.build("kernel", text, flags)
        except build.CompileError as error:
            raise self.cupy.CompileException(str(error), source, "kernel.cu", options, "g++") from None
        module = self.cupy.function.Module()
        module.load(os.fsencode(path))
        module._set_mapping(lowered)
        return module


def install(check_with_nvrtc):
    """Put g++ in the place of NVRTC."""
    import cupy
    from cupy.cuda import compiler

    include = Path(cupy.__file__).parent / "_core" / "include"
    directories = [include, *(include / "cupy" / "_cccl" / name for name in ("thrust", "libcudacxx"))]
    compiler._compile_with_cache_cuda = _Compiler(compiler, directories, check_with_nvrtc)
