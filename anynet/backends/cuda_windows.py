"""Windows on CUDA devices: a launch for all that kernels see, and one for what they pass back.

Each element of an image gathers what windows have for it, in the order of their elements, so that no two
threads write to one place, and sums have the same bits from run to run.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from anynet.typing import Array, Shape
from anynet.windows import Pair, places, taps_of

_MOST_TAPS = 36  # of a kernel, whose arguments take 4096 bytes at most


def _windows(a: Array, out: Array, size: Pair, stride: Pair) -> None:
    """Write all windows of images: one copy, from a view in which they overlap."""
    from cupy.lib.stride_tricks import as_strided

    n, by_row, by_column, by_channel = a.strides
    strides = n, by_row * stride[0], by_column * stride[1], by_row, by_column, by_channel
    out[...] = as_strided(a, out.shape, strides)


def _overlap_add(*taps_and_out: Array, size: Pair, stride: Pair, shape: Shape) -> None:
    """Write the sum of the elements of windows, each where it was taken from."""
    *taps, out = taps_and_out
    if len(taps) <= _MOST_TAPS:
        _gathering(size, stride)(*taps, *shape[1:], *places(shape[1:3], size, stride), out)
        return
    out.fill(0)
    for tap, where in zip(taps, taps_of(shape[1:3], size, stride), strict=True):
        there = out[where]
        there += tap


@lru_cache(64)
def _gathering(size: Pair, stride: Pair) -> Any:
    """Return the kernel of windows of a size, which lie a stride apart."""
    import cupy

    n = size[0] * size[1]
    taken = [
        f"if (y >= {i} && (y - {i}) % {stride[0]} == 0 && (y - {i}) / {stride[0]} < down && "
        f"x >= {j} && (x - {j}) % {stride[1]} == 0 && (x - {j}) / {stride[1]} < across) {{\n"
        f"const ptrdiff_t at[] = {{image, (y - {i}) / {stride[0]}, (x - {j}) / {stride[1]}, channel}};\n"
        f"sum += t{i * size[1] + j}[at];\n}}"
        for i in range(size[0])
        for j in range(size[1])
    ]
    body = [
        "ptrdiff_t channel = i % channels, x = i / channels % width, y = i / (channels * width) % height;",
        "ptrdiff_t image = i / (channels * width * height);",
        "T sum = 0;",
        *taken,
        "out = sum;",
    ]
    sizes = "int64 height, int64 width, int64 channels, int64 down, int64 across"
    ins = [f"raw T t{k}" for k in range(n)] + [sizes]
    return cupy.ElementwiseKernel(", ".join(ins), "T out", "\n".join(body), "anynet_overlap_add")


COMPOSED: dict[str, Callable[..., None]] = {"windows": _windows, "overlap_add": _overlap_add}
