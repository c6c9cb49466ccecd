"""Pickles, read as data: what is in a pickle of NumPy arrays, without trusting it.

A pickle is a program for a small stack machine, and `pickle.load` runs it, whatever it
calls. The machine here is another one. It knows the instructions that arrays in tuples,
lists and dicts need, and the few names that NumPy writes, for which it has stand-ins that
check what they are told. Nothing is ever imported or called by name; any other name or
instruction ends the reading, before anything that follows is looked at. Memory grows with
the bytes that arrive, whatever shapes they announce.

The instructions are those of the standard library's `pickletools`, protocols 0 to 5, as
Python 2 and 3 write them for NumPy 1 and 2.
"""

import codecs
import math
import pickle
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from anynet.formats.bounded import MAX_BYTES, Reader, opened
from anynet.formats.byte_order import native
from anynet.formats.contents import refuse_others
from anynet.typing import HostArray

# Bounds that no file of arrays comes near, so that a hostile one stays cheap to refuse.
MAX_INSTRUCTIONS = 100_000  # and one more for each so many bytes that have arrived: a list of images has many
BYTES_PER_INSTRUCTION = 100
MAX_TEXT = 1_000
MAX_DEPTH = 20
MAX_DIMENSIONS = 32

_DTYPES = frozenset(["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"])
_WIDE = {"utf-8": re.compile(rb"[\xc4-\xff]"), "raw-unicode-escape": re.compile(rb"\\U|\\u(?!00)")}
_ESCAPED = re.compile(rb"(?:[^\\]|\\(?:x[0-9a-f]{2}|[\\'\"nrt]))*+")


def load(path: str | Path, max_bytes: int = MAX_BYTES) -> Any:
    """Return what a pickle holds, without running it.

    Args:
        path: The file, plain or gzipped, of any protocol from 0 to 5.
        max_bytes: How many bytes, once unpacked, may arrive. The default, 512 MiB, holds the
            book's file twice and bounds what a small hostile file can cost.

    Returns:
        Arrays, numbers and text in tuples, lists and dicts. The strings of Python 2 are
        taken for latin1.

    Raises:
        OSError: The file cannot be read.
        ValueError: It calls or needs anything else, which the error names; it is damaged, or
            has more than `max_bytes` once unpacked.
    """
    with opened(path, max_bytes) as reader:
        return read(reader)


def read(reader: Reader) -> Any:
    """Return what a pickle holds, as `load` does, from an open file.

    Args:
        reader: It stands at the beginning of the pickle, with which its file ends.

    Raises:
        ValueError: As for `load`.
    """
    return _Machine(refuse_others(reader)).run()


@dataclass(frozen=True, eq=False)
class _Name:
    """A name that NumPy writes into pickles, and the stand-in for calling it, if any."""

    text: str
    call: "Callable[[_Machine, tuple[Any, ...]], Any] | None"


@dataclass(frozen=True, eq=False)
class _String:
    """A string of Python 2: bytes or text, as those who use it see it."""

    data: bytes | bytearray


@dataclass(eq=False)
class _DType:
    """A plain numeric dtype; its byte order comes later, by BUILD."""

    code: str
    order: str = "="
    is_built: bool = False


@dataclass(eq=False)
class _Array:
    """An array whose contents come later, by BUILD."""

    value: HostArray | None = None


class _Machine:
    """A stack, marks in it, and a memo; one method or table entry per instruction."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.bytes_of_arrays = 0
        self.bytes_encoded = 0
        self.frame_end = 0

    def run(self) -> Any:
        n_instructions = 0
        while n_instructions < self.most_instructions:
            n_instructions += 1
            code = bytes(self.reader.take(1))
            if code == pickle.STOP:
                return self._result()
            if code not in _INSTRUCTIONS:
                raise self.refused(f"the instruction {_instruction_name(code)}")
            try:
                _INSTRUCTIONS[code](self)
            except UnicodeError as error:
                raise self.refused(f"text that is no {getattr(error, 'encoding', 'text')}") from None
        raise self.refused(f"more than {self.most_instructions} instructions")

    @property
    def most_instructions(self) -> int:
        return MAX_INSTRUCTIONS + self.reader.position // BYTES_PER_INSTRUCTION

    def _result(self) -> Any:
        if len(self.stack) != 1 or self.marks:
            raise self.refused(f"{len(self.stack)} values on the stack at the end")
        if self.reader.position < self.frame_end:
            raise self.refused("an end within a frame")
        self.reader.finish()
        return self._finished(self.stack[0], {}, 0)

    def _finished(self, value: Any, known: dict[int, Any], depth: int) -> Any:
        """Return a value with its stand-ins replaced by what they stand for."""
        if depth > MAX_DEPTH:
            raise self.refused(f"values nested more than {MAX_DEPTH} deep")
        if id(value) not in known:  # what is shared is finished once, however often it is met
            known[id(value)] = self._finish(value, known, depth)
        return known[id(value)]

    def _finish(self, value: Any, known: dict[int, Any], depth: int) -> Any:
        match value:
            case _Array(value=np.ndarray() as array):
                return array
            case _String():
                return self.text(value)
            case tuple() | list():
                return type(value)([self._finished(item, known, depth + 1) for item in value])
            case dict():
                return {key: self._finished(item, known, depth + 1) for key, item in value.items()}
            case bytearray():
                return bytes(value)
            case None | int() | str() | np.generic():
                return value
        raise self.refused(f"{_kind(value)} where a value should be")

    def refused(self, got: str) -> ValueError:
        return ValueError(
            f"{self.reader.name}: expected a pickle of plain NumPy arrays, got {got}, before byte "
            f"{self.reader.position}. Do not load it with pickle either, unless you trust who made it."
        )

    # The stack.

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if len(self.stack) <= (self.marks[-1] if self.marks else 0):
            raise self.refused("an instruction that finds nothing on the stack")
        return self.stack.pop()

    def pop_many(self, n: int) -> tuple[Any, ...]:
        return tuple([self.pop() for _ in range(n)][::-1])

    def pop_to_mark(self) -> list[Any]:
        if not self.marks:
            raise self.refused("an instruction that finds no mark on the stack")
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def integer(self, n_bytes: int, signed: bool = False) -> int:
        return int.from_bytes(self.reader.take(n_bytes), "little", signed=signed)

    def decimal(self, suffix: bytes = b"") -> int:
        line = bytes(self.reader.line())
        if not re.fullmatch(rb"-?[0-9]{1,20}" + suffix, line):
            raise self.refused("a number that is none")
        if not suffix and line in (b"00", b"01"):  # how protocol 0 writes False and True
            return line == b"01"
        return int(line.rstrip(b"L"))

    def text(self, value: Any) -> str:
        """Return a short text, of Python 2 or 3; anything else is refused."""
        if isinstance(value, _String) and len(value.data) <= MAX_TEXT:
            return value.data.decode("latin-1")
        if isinstance(value, str) and len(value) <= MAX_TEXT:
            return value
        raise self.refused(f"{_kind(value)} where a short text should be")

    # Instructions that need more than a line.

    def escaped(self) -> None:
        line = self.reader.line()
        if len(line) < 2 or line[0] not in b"'\"" or line[-1] != line[0]:
            raise self.refused("a string without quotes")
        if not _ESCAPED.fullmatch(line, 1, len(line) - 1):
            raise self.refused("a string with an unknown escape")
        self.push(_String(codecs.escape_decode(bytes(memoryview(line)[1:-1]))[0]))

    def unicode(self, data: bytearray, codec: str) -> None:
        # One wide character makes every other one as wide: what is long is the latin1 of an array.
        if len(data) > MAX_TEXT and _WIDE[codec].search(data):
            raise self.refused("a long text that is no latin1")
        self.push(data.decode(codec))

    def frame(self) -> None:
        length = self.integer(8)  # of what follows, as a hint for reading ahead
        self.frame_end = max(self.frame_end, self.reader.position + length)

    def dict_of(self, items: list[Any]) -> None:
        self.push({})
        self.set_items(items)

    def protocol(self) -> None:
        if (protocol := self.integer(1)) > 5:
            raise self.refused(f"protocol {protocol}")

    def put(self, key: int) -> None:
        if not 0 <= key < self.most_instructions:
            raise self.refused(f"something to be stored as {key}")
        value = self.pop()
        self.memo[key] = value
        self.push(value)

    def get(self, key: int) -> None:
        if key not in self.memo:
            raise self.refused(f"a reference to {key}, which was never stored")
        self.push(self.memo[key])

    def append(self, items: list[Any]) -> None:
        target = self.pop()
        if not isinstance(target, list):
            raise self.refused(f"items for {_kind(target)} instead of a list")
        target.extend(items)
        self.push(target)

    def set_items(self, items: list[Any]) -> None:
        target = self.pop()
        if not isinstance(target, dict) or len(items) % 2:
            raise self.refused(f"keys and values for {_kind(target)}, or a key without a value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            name = self.text(key)
            if name in target:
                raise self.refused(f"the key {name[:40]!r} twice")
            target[name] = value
        self.push(target)

    def name(self, module: str, name: str) -> None:
        text = f"{module}.{name}"
        if text not in _NAMES:
            raise self.refused(f"one that names {_short(text)}")
        self.push(_Name(text, _NAMES[text]))

    def instance(self) -> None:
        """Refuse the call of a name in one instruction, of which no array is made: by that name, if it is no good."""
        self.name(self.reader.line().decode(), self.reader.line().decode())
        raise self.refused(f"a call of {self.pop().text} by INST")

    def reduce(self) -> None:
        f, arguments = self.pop_many(2)
        if not isinstance(f, _Name) or f.call is None or not isinstance(arguments, tuple):
            called = f.text if isinstance(f, _Name) else _kind(f)
            raise self.refused(f"a call of {called} with {_kind(arguments)}")
        self.push(f.call(self, arguments))

    def build(self) -> None:
        target, state = self.pop_many(2)
        match target, state:
            case _DType(is_built=False), (3, order, None, None, None, -1, -1, 0):
                target.order = self.byte_order(target, order)
                target.is_built = True
            case _Array(value=None), (1, tuple(shape), _DType() as dtype, bool(is_fortran), data):
                target.value = self.array(shape, dtype, data, "F" if is_fortran else "C")
            case _:
                raise self.refused(f"a state that does not suit {_kind(target)}")
        self.push(target)

    # What stands in for NumPy.

    def reconstruct(self, arguments: tuple[Any, ...]) -> _Array:
        match arguments:
            case (_Name(text="numpy.ndarray"), (0,), code) if _data(code) == b"b":
                return _Array()
        raise self.refused("an array that is not rebuilt from an empty one")

    def dtype(self, arguments: tuple[Any, ...]) -> _DType:
        match arguments:
            case (code, 0, 1) if self.text(code) in _DTYPES:
                return _DType(self.text(code))
            case (str() | _String() as code, *_):
                raise self.refused(f"the dtype {_short(self.text(code))}; plain ones are {', '.join(sorted(_DTYPES))}")
        raise self.refused("a dtype that is no plain number")

    def byte_order(self, dtype: _DType, order: Any) -> str:
        legal = ("|",) if dtype.code.endswith("1") else ("<", ">")
        if self.text(order) not in legal:
            raise self.refused(f"the byte order {_short(self.text(order))} for {dtype.code}")
        return self.text(order)

    def scalar(self, arguments: tuple[Any, ...]) -> Any:
        match arguments:
            case (_DType() as dtype, data):
                return self.array((1,), dtype, data, "C")[0]
        raise self.refused("a scalar that is no plain number")

    def from_buffer(self, arguments: tuple[Any, ...]) -> _Array:
        match arguments:
            case (data, _DType() as dtype, tuple(shape), order) if self.text(order) in ("C", "F"):
                return _Array(self.array(shape, dtype, data, self.text(order)))
        raise self.refused("an array from a buffer of another kind")

    def encode(self, arguments: tuple[Any, ...]) -> bytearray:
        # How Python 3 writes bytes for Python 2.
        match arguments:
            case (str() as text, codec) if self.text(codec) == "latin1":
                self.bytes_encoded = self.within_what_arrived(self.bytes_encoded + len(text))
                return bytearray(text, "latin1")
        raise self.refused("text in a codec other than latin1")

    def array(self, shape: tuple[Any, ...], dtype: _DType, data: Any, order: Any) -> HostArray:
        """Return the array in the data, checked to be as long as shape and dtype say."""
        data = _data(data)
        if data is None:
            raise self.refused("something else where the bytes of an array should be")
        if not all(type(n) is int and 0 < n < 2**63 for n in shape) or len(shape) > MAX_DIMENSIONS:
            raise self.refused("a shape of other than positive whole numbers")
        expected = math.prod(shape) * int(dtype.code[1])
        if len(data) != expected:
            raise self.refused(
                f"{len(data)} bytes where {_short(str(shape))} of {dtype.code} needs {_short(str(expected))}"
            )
        self.bytes_of_arrays = self.within_what_arrived(self.bytes_of_arrays + expected)
        is_whole = isinstance(data, bytearray) and np.dtype(dtype.order + dtype.code).isnative
        writeable = data if is_whole else bytearray(data)  # other arrays may be made of the same bytes
        return native(np.frombuffer(writeable, dtype.order + dtype.code)).reshape(shape, order=order)

    def within_what_arrived(self, n_bytes: int) -> int:
        """Return n_bytes; refuse more than the file had so far: the same bytes can be used, and copied, many times."""
        if n_bytes > self.reader.position:
            raise self.refused(f"{n_bytes} bytes of arrays from fewer bytes of file")
        return n_bytes


def _data(value: Any) -> bytes | bytearray | None:
    """Return bytes, of Python 2 or 3; None for anything else."""
    value = value.data if isinstance(value, _String) else value
    return value if isinstance(value, (bytes, bytearray)) else None


def _kind(value: object) -> str:
    """Return what a value is, for errors."""
    return type(value).__name__.lstrip("_").lower()


def _short(text: str) -> str:
    """Return a stranger's text fit for a message: one line, printable, not long."""
    text = text if len(text) <= 80 else text[:77] + "..."
    return text if text.isprintable() else ascii(text)


def _instruction_name(code: bytes) -> str:
    import pickletools  # needed to refuse, not to read

    names = {opcode.code: opcode.name for opcode in pickletools.opcodes}
    return names.get(code.decode("latin-1"), f"0x{code.hex()}, which does not exist")


# What NumPy writes: before and after its modules were renamed in NumPy 2.
_NAMES: dict[str, Callable[[_Machine, tuple[Any, ...]], Any] | None] = {
    "numpy.ndarray": None,
    "numpy.dtype": _Machine.dtype,
    "numpy.core.multiarray._reconstruct": _Machine.reconstruct,
    "numpy._core.multiarray._reconstruct": _Machine.reconstruct,
    "numpy.core.multiarray.scalar": _Machine.scalar,
    "numpy._core.multiarray.scalar": _Machine.scalar,
    "numpy.core.numeric._frombuffer": _Machine.from_buffer,
    "numpy._core.numeric._frombuffer": _Machine.from_buffer,
    "_codecs.encode": _Machine.encode,
}

_INSTRUCTIONS: dict[bytes, Callable[[_Machine], None]] = {
    pickle.PROTO: _Machine.protocol,
    pickle.FRAME: _Machine.frame,
    # Values.
    pickle.NONE: lambda m: m.push(None),
    pickle.NEWTRUE: lambda m: m.push(True),
    pickle.NEWFALSE: lambda m: m.push(False),
    pickle.INT: lambda m: m.push(m.decimal()),
    pickle.LONG: lambda m: m.push(m.decimal(b"L?")),
    pickle.BININT: lambda m: m.push(m.integer(4, signed=True)),
    pickle.BININT1: lambda m: m.push(m.integer(1)),
    pickle.BININT2: lambda m: m.push(m.integer(2)),
    pickle.LONG1: lambda m: m.push(m.integer(m.integer(1), signed=True)),
    pickle.STRING: _Machine.escaped,
    pickle.SHORT_BINSTRING: lambda m: m.push(_String(m.reader.take(m.integer(1)))),
    pickle.BINSTRING: lambda m: m.push(_String(m.reader.take(m.integer(4)))),
    pickle.UNICODE: lambda m: m.unicode(m.reader.line(), "raw-unicode-escape"),
    pickle.SHORT_BINUNICODE: lambda m: m.unicode(m.reader.take(m.integer(1)), "utf-8"),
    pickle.BINUNICODE: lambda m: m.unicode(m.reader.take(m.integer(4)), "utf-8"),
    pickle.SHORT_BINBYTES: lambda m: m.push(m.reader.take(m.integer(1))),
    pickle.BINBYTES: lambda m: m.push(m.reader.take(m.integer(4))),
    pickle.BINBYTES8: lambda m: m.push(m.reader.take(m.integer(8))),
    pickle.BYTEARRAY8: lambda m: m.push(m.reader.take(m.integer(8))),
    # Tuples, lists and dicts.
    pickle.MARK: lambda m: m.marks.append(len(m.stack)),
    pickle.EMPTY_TUPLE: lambda m: m.push(()),
    pickle.TUPLE: lambda m: m.push(tuple(m.pop_to_mark())),
    pickle.TUPLE1: lambda m: m.push(m.pop_many(1)),
    pickle.TUPLE2: lambda m: m.push(m.pop_many(2)),
    pickle.TUPLE3: lambda m: m.push(m.pop_many(3)),
    pickle.EMPTY_LIST: lambda m: m.push([]),
    pickle.LIST: lambda m: m.push(m.pop_to_mark()),
    pickle.APPEND: lambda m: m.append([m.pop()]),
    pickle.APPENDS: lambda m: m.append(m.pop_to_mark()),
    pickle.EMPTY_DICT: lambda m: m.push({}),
    pickle.DICT: lambda m: m.dict_of(m.pop_to_mark()),
    pickle.SETITEM: lambda m: m.set_items(list(m.pop_many(2))),
    pickle.SETITEMS: lambda m: m.set_items(m.pop_to_mark()),
    # The memo: what was met before.
    pickle.PUT: lambda m: m.put(m.decimal()),
    pickle.BINPUT: lambda m: m.put(m.integer(1)),
    pickle.LONG_BINPUT: lambda m: m.put(m.integer(4)),
    pickle.MEMOIZE: lambda m: m.put(len(m.memo)),
    pickle.GET: lambda m: m.get(m.decimal()),
    pickle.BINGET: lambda m: m.get(m.integer(1)),
    pickle.LONG_BINGET: lambda m: m.get(m.integer(4)),
    # Names and calls.
    pickle.GLOBAL: lambda m: m.name(m.reader.line().decode(), m.reader.line().decode()),
    pickle.STACK_GLOBAL: lambda m: m.name(*map(m.text, m.pop_many(2))),
    pickle.INST: _Machine.instance,
    pickle.REDUCE: _Machine.reduce,
    pickle.BUILD: _Machine.build,
}
