"""What bytes in x mean: uint8 holds pixels, 0 to 255, and a network sees them in [0, 1].

The one expression that scales them stands here. Any other dtype is taken as it is, and
targets are never scaled.
"""

from anynet.backends import Array, Namespace


def to_unit_interval(xp: Namespace, x: Array, dtype: object) -> Array:
    """Return x in the dtype given: pixels (uint8) divided by 255, anything else as it is."""
    a = xp.astype(x, dtype, copy=False)
    if x.dtype == xp.uint8:
        a /= 255.0  # astype has just made this array
    return a
