"""What bytes in x mean: uint8 holds pixels, 0 to 255, and a network sees them in [0, 1].

The one expression that scales them stands here. Any other dtype is taken as it is, and
targets are never scaled.
"""

import math

from array_api_compat import array_namespace

from anynet.typing import Array, Namespace


def to_unit_interval(xp: Namespace, x: Array, dtype: object) -> Array:
    """Return x in the dtype given: pixels (uint8) divided by 255, anything else as it is."""
    a = xp.astype(x, dtype, copy=False)
    if x.dtype == xp.uint8:
        a /= 255.0  # astype has just made this array
    return a


def mistaken(x: Array) -> str | None:
    """Return what seems to be wrong with examples x (n, ...) as pixels, or None.

    uint8 that never exceeds 1 is hardly pixels, and whole numbers up to 255 in the shape
    of an image hardly anything else.
    """
    xp = array_namespace(x)
    if x.dtype == xp.uint8:
        if int(xp.max(x)) > 1:
            return None
        return (
            "x: uint8 means pixels, 0 to 255, and is divided by 255, but no value here exceeds 1. "
            "If these are features, convert them: x.astype('float32')."
        )
    highest, lowest = float(xp.max(x)), float(xp.min(x))
    if not (
        _is_image(x.shape[1:])
        and lowest >= 0
        and 127 < highest <= 255
        and bool(xp.all(xp.astype(xp.astype(x, xp.int32), x.dtype) == x))
    ):
        return None
    return (
        f"x: expected inputs of about 1 in size, got whole numbers from {lowest:g} to {highest:g}, which look like "
        "pixels. Scale them, x / 255, or hand them over as uint8."
    )


def is_square(shape: tuple[int, ...]) -> bool:
    """Tell whether an array of that shape may be one square image of 8 pixels or more a side."""
    return len(shape) in (2, 3) and shape[0] == shape[1] >= 8 and math.prod(shape[2:]) in (1, 3, 4)


def _is_image(shape: tuple[int, ...]) -> bool:
    """Tell whether examples of that shape may be images: two dimensions, or a square of 8 or more."""
    return len(shape) > 1 or math.isqrt(shape[0]) ** 2 == shape[0] >= 64
