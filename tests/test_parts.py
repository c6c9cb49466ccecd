"""Parts of a file, as a file of their own."""

import io

import pytest

from anynet.formats.parts import count, in_parts

LETTERS = b"abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    ("parts", "content"),
    [
        ([], b""),
        ([(0, 26)], LETTERS),
        ([(3, 5), (5, 7), b"--", b"", b"+", (0, 2), (2, 4)], b"defg--+abcd"),
        ([b"+", (24, 99)], b"+yz"),
    ],
)
def test_parts_follow_one_another(parts, content):
    with in_parts(io.BytesIO(LETTERS), parts) as file:
        assert file.read() == content
        for at in range(len(content)):
            file.seek(at)
            assert file.read(4) == content[at : at + 4]
            assert file.seek(-1, io.SEEK_CUR) == min(at + 4, len(content)) - 1


def test_the_file_beneath_has_its_number(tmp_path):
    (tmp_path / "file").write_bytes(LETTERS)
    with (tmp_path / "file").open("rb") as file:
        assert in_parts(file, [b"+"]).fileno() == file.fileno()


@pytest.mark.parametrize(
    ("start", "end", "n"), [(0, 2**17, 3), (1, 2**17, 2), (0, 2**16, 1), (0, 2**16 + 1, 2), (0, 0, 0)]
)
def test_markers_are_counted_between_two_places_wherever_they_lie(start, end, n):
    content = bytearray(2**17)
    for at in (0, 2**16 - 1, 2**17 - 2):
        content[at : at + 2] = b"\xff\xda"
    assert count(b"\xff\xda", io.BytesIO(content), start, end) == n
