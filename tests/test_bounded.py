"""Reading up to a bound: bytes in order, gzip whole or not at all, and no more memory than was allowed."""

import gzip
import io
import os
import pickle
import random
import struct
import zlib
from collections import Counter

import pytest
from hostile import MB, N_MUTATED, book, file_of, is_same, mutated, outcome, report
from python2_pickle import dumps

from anynet import Network
from anynet.datasets import read_data, read_idx, read_images
from anynet.formats import bounded
from anynet.formats.bounded import Held, Reader, check_inflation, is_of_the_system, opened, read_bytes, regular
from anynet.formats.pickle import load


def member(data):
    return gzip.compress(data, 1, mtime=0)


LINES = b"one\n\n" + b"2" * 3 * 2**16 + b"\nrest\nof it"  # longer than a chunk


@pytest.mark.parametrize("pack", [bytes, member])
def test_bytes_come_in_order(pack, tmp_path):
    with opened(file_of(tmp_path, pack(LINES))) as reader:
        assert reader.peek()[:4] == b"one\n"
        assert reader.position == 0
        assert reader.line() == b"one"
        assert reader.line() == b""
        assert reader.take(3) == b"222"
        assert reader.position == 8
        assert reader.line() == b"2" * (3 * 2**16 - 3)
        assert reader.take(0) == b""
        assert reader.rest() == b"rest\nof it"
        assert reader.position == len(LINES)
        assert reader.peek() == b""
        reader.finish()
    assert read_bytes(tmp_path / "file") == LINES


@pytest.mark.parametrize("pack", [bytes, member])
def test_what_is_missing_or_left_over_is_told_with_its_place(pack):
    def reader():
        return Reader(io.BytesIO(pack(b"one\ntwo")), "name")

    one = reader()
    one.line()
    with pytest.raises(ValueError, match=r"^name: expected 4 bytes at byte 4, got 3: the file ends there"):
        one.take(4)
    two = reader()
    two.line()
    with pytest.raises(ValueError, match=r"^name: expected a line at byte 4, got one without an end"):
        two.line()
    three = reader()
    three.take(6)
    with pytest.raises(ValueError, match=r"^name: expected the end of the file at byte 6, got more bytes"):
        three.finish()


def test_a_length_that_is_announced_is_refused_before_it_is_read():
    with pytest.raises(ValueError, match=r"^name: expected at most 10 bytes once unpacked, got 11 or more"):
        Reader(io.BytesIO(b"abc"), "name", 10).take(11)


def test_as_many_bytes_as_there_may_be_may_be_taken():
    assert Reader(io.BytesIO(b"abc"), "name", 3).take(3) == b"abc"
    assert Held(io.BytesIO(b"abc"), 3).read() == b"abc"
    with pytest.raises(ValueError, match="BytesIO: expected at most 2 bytes, got more"):
        Held(io.BytesIO(b"abc"), 2)


def test_inflation_is_harmless_in_small_files_and_bounded_in_large_ones(monkeypatch):
    check_inflation(bounded.HARMLESS_BYTES, 0)
    with pytest.raises(ValueError, match="0 bytes that would inflate to 33,554,433"):
        check_inflation(bounded.HARMLESS_BYTES + 1, 0)
    monkeypatch.setattr(bounded, "HARMLESS_BYTES", 0)
    check_inflation(200, 1)
    with pytest.raises(ValueError, match="1 bytes that would inflate to 201; if they are yours, save them unpacked"):
        check_inflation(201, 1)


def test_bytes_after_gzip_are_found_where_a_chunk_ends_too(tmp_path):
    plain = member(b"data")
    name = b"n" * (2**16 - len(plain) - 1) + b"\0"
    packed = plain[:3] + b"\x08" + plain[4:10] + name + plain[10:]  # 8: a name follows the header's ten bytes
    assert len(packed) == 2**16
    assert read_bytes(file_of(tmp_path, packed)) == b"data"
    with pytest.raises(ValueError, match="expected one gzip file, got more bytes after its end"):
        read_bytes(file_of(tmp_path, packed + b"x"))


def test_a_bomb_is_refused_by_its_bound(tmp_path):
    path = file_of(tmp_path, BOMB)
    with pytest.raises(ValueError, match=f"expected at most {MB} bytes once unpacked, got .* larger max_bytes"):
        read_bytes(path, MB)
    assert len(read_bytes(path, 20 * MB)) == 20 * MB
    with pytest.raises(ValueError, match="expected at most"):
        read_bytes(path, 20 * MB - 1)


def test_a_plain_file_is_bounded_too(tmp_path):
    path = file_of(tmp_path, b"0" * 100)
    assert len(read_bytes(path, 100)) == 100
    with pytest.raises(ValueError, match="expected at most 99 bytes"):
        read_bytes(path, 99)
    with pytest.raises(ValueError, match="max_bytes: expected at least 1, got 0"):
        read_bytes(path, 0)


@pytest.mark.parametrize(
    "read", [Network.load, read_data, read_images, read_idx, load, read_bytes, Network([2, 1]).load_weights]
)
def test_what_is_no_regular_file_is_refused_without_reading(read, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        with pytest.raises(ValueError, match=f"{name}: expected a file, got a pipe or a device"):
            read(tmp_path / name)
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        read(tmp_path)


def test_gzipped_bytes_inflate_no_further_than_honest_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(bounded, "HARMLESS_BYTES", MB)
    with pytest.raises(ValueError, match=r"file: expected honest data, got [0-9,]+ bytes that would inflate to"):
        read_bytes(file_of(tmp_path, BOMB))
    assert len(read_bytes(file_of(tmp_path, member(bytes(MB))))) == MB


BOOK = dumps(book())
PACKED = member(BOOK)
BOMB = member(bytes(20 * MB))
CRAFTED_GZIP = {
    "a bomb": BOMB,
    "a bomb in a pickle": member(b"\x80\x02T" + struct.pack("<I", 20 * MB) + bytes(20 * MB)),
    "a bomb in a bomb": member(BOMB),
    "truncated in the header": member(BOOK)[:5],
    "truncated in the data": member(BOOK)[: len(member(BOOK)) // 2],
    "truncated in the checksum": member(BOOK)[:-6],
    "truncated by a byte": member(BOOK)[:-1],
    "nothing after the magic": b"\x1f\x8b",
    "a wrong checksum": member(BOOK)[:-8] + bytes(4) + member(BOOK)[-4:],
    "a wrong length": member(BOOK)[:-4] + bytes(4),
    "another method": b"\x1f\x8b\x09" + member(BOOK)[3:],
    "reserved flags": b"\x1f\x8b\x08\xe0" + member(BOOK)[4:],
    "a name without an end": b"\x1f\x8b\x08\x08" + bytes(6) + b"a" * MB,
    "a second member": member(BOOK) + member(BOOK),
    "a thousand members": member(b"") * 1_000,
    "bytes after the end": member(BOOK) + b"more",
    "a zlib stream": zlib.compress(BOOK),
    "nothing in it": member(b""),
    "text in it": member(b"Epoch 0: 9045 / 10000\n"),
    "gzip in gzip": member(member(BOOK)),
}


@pytest.mark.parametrize("what", CRAFTED_GZIP)
def test_crafted_gzip_is_refused(tmp_path, what):
    path = file_of(tmp_path, CRAFTED_GZIP[what])
    assert outcome(lambda: load(path, MB), str(path)) == "refused"


@pytest.mark.slow
def test_mutated_gzip(tmp_path):
    rng = random.Random(3)
    counts = Counter()
    for i in range(N_MUTATED):
        # A change anywhere, in the header alone, or beneath the gzip.
        packed = PACKED
        data = [mutated(packed, rng), mutated(packed[:10], rng) + packed[10:], member(mutated(BOOK, rng))][i % 3]
        path = file_of(tmp_path, data)

        def agrees(result, data=data):
            return is_same(result, pickle.loads(gzip.decompress(data), encoding="latin1"))

        counts[outcome(lambda path=path: load(path), str(path), agrees)] += 1
    report("gzip", counts)


def test_what_cannot_be_read_to_the_end_is_named(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"1234")
    for read in (lambda file: file.read(1), lambda file: file.read(), lambda file: file.peek()):
        with regular(path) as file:
            other = os.open(path, os.O_WRONLY)
            os.dup2(other, file.fileno())  # so that nothing can be read
            os.close(other)
            with pytest.raises(OSError, match="Bad file descriptor") as told:
                read(file)
        assert is_of_the_system(told.value)
        assert told.value.filename == str(path)


def test_a_file_for_which_there_is_no_room_is_not_called_damaged(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"1234")
    for source in (path, Held(io.BytesIO(b"1234"))):
        with pytest.raises(MemoryError, match=r": expected room in memory .* Close other programs"), opened(source):
            raise MemoryError
