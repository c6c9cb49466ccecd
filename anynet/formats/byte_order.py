"""The byte order of numbers in a file, made that of this machine."""

from anynet.typing import HostArray


def native(array: HostArray) -> HostArray:
    """Return an array in the byte order of this machine, swapped where it lies: a copy would take as much again.

    Args:
        array: Over memory that nobody else looks at.
    """
    return array if array.dtype.isnative else array.byteswap(inplace=True).view(array.dtype.newbyteorder("="))
