"""IDX files, written as LeCun, Cortes and Burges (1998) describe them."""

import struct

CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}  # the third byte, by the type of the numbers


def idx(array, code=8):
    """Return the bytes of an IDX file that holds an array; by default its numbers are uint8."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()
