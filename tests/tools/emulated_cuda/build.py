"""Runs g++ and keeps what it builds in a cache directory, keyed by everything that went in."""

import functools
import hashlib
import os
import shlex
import subprocess
import tempfile
from pathlib import Path

NATIVE = Path(__file__).parent / "native"
COMPILER = shlex.split(os.environ.get("CXX") or "g++")
BASE_FLAGS = ("-shared", "-fPIC", "-w", "-std=c++17")


class CompileError(Exception):
    """g++ refused a source; the message is its output."""


def cache_directory():
    """Return the directory of built libraries, made if it is not there."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "emulated_cuda"
    path = Path(os.environ.get("EMULATED_CUDA_CACHE") or default)
    path.mkdir(parents=True, exist_ok=True)
    return path


@functools.cache
def compiler_version():
    """Return what the compiler says of itself: another version builds anew."""
    return subprocess.run([*COMPILER, "--version"], capture_output=True, text=True, check=True).stdout


def fingerprint(*parts):
    """Return a key of the compiler and of everything else that goes into a build."""
    text = "\0".join((*COMPILER, compiler_version(), *map(str, parts)))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def store(name, text):
    """Put a text into the cache, in one step: processes running side by side share the cache."""
    target = cache_directory() / name
    if not target.exists():
        with tempfile.NamedTemporaryFile("w", dir=target.parent, delete=False) as scratch:
            scratch.write(text)
        Path(scratch.name).replace(target)
    return target


def build(name, source, flags, suffix=".so", language="c++"):
    """Compile the text `source` and return the path of the result, from the cache where possible."""
    target = cache_directory() / f"{name}-{fingerprint(source, *flags)}{suffix}"
    if target.exists():
        return target
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        source_path, output = Path(scratch, f"{name}.cpp"), Path(scratch, "output")
        source_path.write_text(source)
        command = [*COMPILER, *flags, "-x", language, str(source_path), "-o", str(output)]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            raise CompileError(result.stderr.replace(f"{scratch}/", ""))
        output.rename(target)
    return target
