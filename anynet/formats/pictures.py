"""What is done to pictures before a network sees them, so that it is done to others in the same way."""

import math
from collections.abc import Mapping
from numbers import Integral
from typing import Any, NamedTuple

from anynet.checks import as_code

MODES = {"colour": 3, "grey": 1}  # and how many channels each has
FITS = ("crop", "squeeze")
RESAMPLING = "bilinear"  # over all of the pixels that a new one covers
MAX_PIXELS = 2**26  # 67 million: 200 MB once unpacked in colour


class Pictures(NamedTuple):
    """How pictures of any size become images (height, width, channels) of one.

    `mode` is colour, of three channels, or grey, of one. `fit` is crop, which keeps the middle, or
    squeeze, which keeps all and not the proportions; None: they have that size, and no others are taken.
    """

    height: int
    width: int
    mode: str = "colour"
    fit: str | None = None
    resampling: str = RESAMPLING

    @property
    def shape(self) -> tuple[int, int, int]:
        """That of one image."""
        return self.height, self.width, MODES[self.mode]


def told(pictures: Pictures) -> str:
    """Return in a line what is done to pictures."""
    done = {"crop": ", cropped", "squeeze": ", squeezed", None: ""}[pictures.fit]
    return f"{pictures.height} x {pictures.width} pixels in {pictures.mode}{done}"


def check_same(given: Pictures | None, learnt: Pictures | None) -> None:
    """Raise ValueError if something else was done to pictures than to those that a network has learnt from."""
    if given is not None and learnt is not None and given != learnt:
        raise ValueError(
            f"x: expected pictures as the network has learnt from them, {told(learnt)}, got {told(given)}. Read them "
            "so: datasets.image_folder(path, pictures=net.pictures)."
        )


def checked(given: Any, n_inputs: int) -> Pictures | None:
    """Return what is done to the pictures of a network with so many inputs, from a header in JSON say; None for None.

    Raises:
        ValueError: It can be none of its.
    """
    if given is None:
        return None
    fields = given._asdict() if isinstance(given, Pictures) else given
    if not isinstance(fields, Mapping) or fields.keys() != set(Pictures._fields):
        raise ValueError(f"pictures: expected {', '.join(Pictures._fields)}, got others.")
    height, width, mode, fit, resampling = (fields[name] for name in Pictures._fields)
    if not all(type(side) is int and 1 <= side <= MAX_PIXELS for side in (height, width)):
        raise ValueError("pictures: expected a height and a width in pixels, got others.")
    if mode not in tuple(MODES) or fit not in (*FITS, None) or resampling != RESAMPLING:
        known = f"{' or '.join(MODES)}, {' or '.join(FITS)}, {RESAMPLING}"
        raise ValueError(f"pictures: expected {known}, got {str((mode, fit, resampling))[:100]}. Upgrade anynet-nn.")
    pictures = Pictures(height, width, mode, fit, resampling)
    if height * width > MAX_PIXELS or math.prod(pictures.shape) != n_inputs:
        raise ValueError(f"pictures: expected such as make {n_inputs} inputs, got {told(pictures)}.")
    return pictures


def asked_for(
    size: Any, mode: Any, fit: Any, pictures: Pictures | None = None
) -> tuple[tuple[int, int] | None, str, str]:
    """Return what a user asks for, checked: (height, width), None for that of the pictures, and mode and fit.

    Where `pictures` say what is done, nothing else may.

    Raises:
        ValueError: There is no such mode or fit, a fit without a size, or a size is below 1 or too large.
        TypeError: A size is no whole number, nor two.
    """
    for what, value, known in (("mode", mode, tuple(MODES)), ("fit", fit, FITS)):
        if not isinstance(value, str) or value not in known:
            raise ValueError(f"{what}: expected {' or '.join(known)}, got {as_code(value)}.")
    if not isinstance(pictures, (Pictures, type(None))):
        raise TypeError(f"pictures: expected net.pictures, got {as_code(pictures)}. A size is given as size=32, say.")
    if pictures is not None and (size, mode, fit) != (None, "colour", "crop"):
        raise ValueError(
            f"pictures: expected no size, mode or fit beside them, got {as_code((size, mode, fit))}. Leave it out."
        )
    if size is None:
        if fit != "crop":
            raise ValueError(
                f"fit: expected a size to bring pictures to, got none beside {as_code(fit)}. Give size=32, say."
            )
        return None, mode, fit
    sides = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    if len(sides) != 2 or not all(isinstance(side, Integral) and not isinstance(side, bool) for side in sides):
        raise TypeError(f"size: expected a number of pixels, or (height, width), got {as_code(size)}.")
    height, width = map(int, sides)
    if min(height, width) < 1 or height * width > MAX_PIXELS:
        raise ValueError(f"size: expected from 1 to {MAX_PIXELS:,} pixels, got {as_code(height)} x {as_code(width)}.")
    return (height, width), mode, fit
