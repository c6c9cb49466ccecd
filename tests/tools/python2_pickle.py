"""What Python 2's cPickle writes, protocol 2, byte by byte, for tuples of NumPy arrays."""

import struct

import numpy as np


class Emitter:
    """Emits values one after the other, with the memo entries that cPickle makes."""

    def __init__(self):
        self.out = bytearray(b"\x80\x02")  # PROTO 2
        self.memo = {}
        self.n_stored = 0

    def store(self):
        # BINPUT, or LONG_BINPUT
        n, self.n_stored = self.n_stored, self.n_stored + 1
        self.out += b"q" + bytes([n]) if n < 256 else b"r" + struct.pack("<I", n)
        return n

    def once(self, key, opcodes):
        """Emit what is met for the first time, refer to the memo afterwards."""
        if key in self.memo:
            n = self.memo[key]
            self.out += b"h" + bytes([n]) if n < 256 else b"j" + struct.pack("<I", n)
        else:
            self.out += opcodes
            self.memo[key] = self.store()

    def name(self, module, name):
        self.once((module, name), f"c{module}\n{name}\n".encode())

    def string(self, s, interned=True):
        short = b"U" + bytes([len(s)]) if len(s) < 256 else b"T" + struct.pack("<i", len(s))
        if interned:
            self.once(s, short + s)
        else:
            self.out += short + s
            self.store()

    def integer(self, n):
        if 0 <= n < 256:
            self.out += b"K" + bytes([n])
        elif 0 <= n < 65536:
            self.out += b"M" + struct.pack("<H", n)
        else:
            self.out += b"J" + struct.pack("<i", n)

    def tuple(self, items):
        if len(items) > 3:
            self.out += b"("
        for item in items:
            item()
        self.out += b"t" if len(items) > 3 else bytes([0x84 + len(items)])
        self.store()

    def dtype(self, dtype):
        key = ("dtype", dtype.str)
        if key in self.memo:
            self.once(key, b"")
            return
        self.name("numpy", "dtype")
        self.tuple([lambda: self.string(dtype.str[1:].encode()), lambda: self.integer(0), lambda: self.integer(1)])
        self.out += b"R"
        self.memo[key] = self.store()
        self.out += b"("
        self.integer(3)
        self.string(dtype.str[:1].encode())
        self.out += b"NNN"
        self.integer(-1)
        self.integer(-1)
        self.integer(0)
        self.out += b"t"
        self.store()
        self.out += b"b"

    def array(self, a):
        self.name("numpy.core.multiarray", "_reconstruct")
        self.tuple(
            [
                lambda: self.name("numpy", "ndarray"),
                lambda: self.tuple([lambda: self.integer(0)]),
                lambda: self.string(b"b"),
            ]
        )
        self.out += b"R"
        self.store()
        self.out += b"("
        self.integer(1)
        self.tuple([lambda n=n: self.integer(n) for n in a.shape])
        self.dtype(a.dtype)
        self.out += b"\x89"  # NEWFALSE: not in Fortran's order
        self.string(a.tobytes(), interned=False)
        self.out += b"t"
        self.store()
        self.out += b"b"

    def value(self, x):
        if isinstance(x, np.ndarray):
            self.array(x)
        else:
            self.tuple([lambda item=item: self.value(item) for item in x])


def dumps(x):
    """Return the pickle of an array, or of nested tuples of arrays."""
    emitter = Emitter()
    emitter.value(x)
    return bytes(emitter.out) + b"."
