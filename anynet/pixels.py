"""What bytes in x mean: uint8 holds pixels, 0 to 255, and a network sees them in [0, 1].

The one expression that scales them stands here. Any other dtype is taken as it is, and
targets are never scaled.
"""

import math

from array_api_compat import array_namespace

from anynet.typing import Array, Namespace

# What a network has learnt from, where it can be told: pixels as numbers up to 1, or whole numbers as they are.
UNIT, WHOLE = "[0, 1]", "[0, 255]"
SCALES = UNIT, WHOLE


def to_unit_interval(xp: Namespace, x: Array, dtype: object) -> Array:
    """Return x in the dtype given: pixels (uint8) divided by 255, anything else as it is."""
    a = xp.astype(x, dtype, copy=False)
    return a / 255.0 if x.dtype == xp.uint8 else a


def mistaken(x: Array) -> str | None:
    """Return what seems to be wrong with examples x (n, ...) as pixels, or None.

    uint8 that never exceeds 1 is hardly pixels, and whole numbers up to 255 in the shape
    of an image hardly anything else.
    """
    xp = array_namespace(x)
    if xp.isdtype(x.dtype, "bool"):
        return None
    if x.dtype == xp.uint8:
        if int(xp.max(x)) > 1:
            return None
        return (
            "x: uint8 means pixels, 0 to 255, and is divided by 255, but no value here exceeds 1. "
            "If these are features, make float32 of them."
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
        "pixels. Scale them, x / 255, or make uint8 of them."
    )


def scale_of(x: Array) -> str | None:
    """Return the scale on which a network sees examples x (n, ...): one of `SCALES`, None if they might be on either.

    uint8 is seen in [0, 1], and so are images of fractions; whole numbers of another dtype, some
    above 1 and none above 255, are taken as they are.
    """
    xp = array_namespace(x)
    if x.dtype == xp.uint8:
        return UNIT
    if xp.isdtype(x.dtype, "bool"):
        return None
    highest = float(xp.max(x))
    if not 0 < highest <= 255 or float(xp.min(x)) < 0:
        return None
    are_whole = xp.isdtype(x.dtype, "integral") or bool(xp.all(xp.round(x) == x))
    if highest > 1:
        return WHOLE if are_whole else None
    return UNIT if _is_image(x.shape[1:]) and not are_whole else None


def of_another_scale(x: Array, learnt: str) -> str | None:
    """Return what is wrong with examples x for a network that has learnt on a scale, or None."""
    xp = array_namespace(x)
    if x.dtype in (xp.uint8, xp.bool):
        is_fine = learnt == UNIT or x.dtype == xp.bool
    else:  # at once for what is as it should be: a single example takes tens of microseconds in all
        is_fine = (learnt == UNIT and float(xp.max(x)) <= 1) or scale_of(x) in (None, learnt)
    if is_fine:
        return None
    if learnt == UNIT:
        return (
            f"x: expected pixels as the network has learnt from them, uint8 or numbers up to 1, got whole numbers "
            f"above 1 of {x.dtype}, taken as they are. Make uint8 of them, or divide them as those were."
        )
    got = "uint8, which is divided by 255" if x.dtype == xp.uint8 else "numbers up to 1"
    return (
        f"x: expected whole numbers as the network has learnt from them, not divided by anything, got {got}. "
        "Make of them what those were, float32 say."
    )


def is_square(shape: tuple[int, ...]) -> bool:
    """Tell whether an array of that shape may be one square image of 8 pixels or more a side."""
    return len(shape) in (2, 3) and shape[0] == shape[1] >= 8 and math.prod(shape[2:]) in (1, 3, 4)


def _is_image(shape: tuple[int, ...]) -> bool:
    """Tell whether examples of that shape may be images: two dimensions, or a square of 8 or more."""
    return len(shape) > 1 or math.isqrt(shape[0]) ** 2 == shape[0] >= 64
