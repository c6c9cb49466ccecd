"""Folders of pictures: what is in them, in which order, as which numbers, and what is wrong with them."""

import os
import re
import sys
import unicodedata

import numpy as np
import pytest
from PIL import Image
from test_resuming import StopAt
from test_training import set_chunk_bytes

from anynet import Checkpoint, Network
from anynet.augmentation import Flip, Rotate, Shift
from anynet.datasets import image_folder, read_images, split
from anynet.datasets.folders import PicturesOnDisk, train_and_test
from anynet.formats.pictures import Pictures


def save(path, pixels=0, **options):
    """Write a picture: pixels as an array, or of one value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    a = np.asarray(pixels, np.uint8)
    Image.fromarray(a if a.ndim else np.full((8, 8, 3), a)).save(path, **options)
    return path


@pytest.fixture
def folder(tmp_path):
    """Three pictures of two classes, each of one grey of its own."""
    for name, grey in (("dog/b.png", 30), ("dog/a.png", 20), ("cat/a.png", 10)):
        save(tmp_path / name, grey)
    return tmp_path


def told(found):
    return [str(warning.message) for warning in found]


def test_classes_and_files_come_in_the_order_of_code_points(folder):
    data = image_folder(folder)
    assert data.x.shape == (3, 8, 8, 3)
    assert data.x.dtype == np.uint8
    assert data.x[:, 0, 0, 0].tolist() == [10, 20, 30]
    assert data.y.tolist() == [0, 1, 1]
    assert data.class_names == ("cat", "dog")
    assert data.pictures == Pictures(8, 8, "colour")
    save(folder / "Zebra" / "a.png", 1)
    save(folder / "\xe9lan" / "a.png", 2)
    assert image_folder(folder).class_names == ("Zebra", "cat", "dog", "\xe9lan")


@pytest.mark.skipif(sys.platform == "darwin", reason="takes accents apart itself")
def test_a_name_is_the_same_however_its_accents_are_written(folder):
    apart = unicodedata.normalize("NFD", "\xe9lan")
    save(folder / apart / "a.png", 2)
    save(folder / "zoo" / "a.png", 3)
    data = image_folder(folder)
    assert data.class_names == ("cat", "dog", "zoo", "\xe9lan")
    assert data.x[:, 0, 0, 0].tolist() == [10, 20, 30, 3, 2]
    save(folder / "\xe9lan" / "a.png", 2)
    told = re.escape(f"{folder}: expected folders of different names, got \xe9lan twice, its accents written as ")
    with pytest.raises(ValueError, match=told + r"'e\\u0301lan' and as '\\xe9lan'\. Put the pictures of both into one"):
        image_folder(folder)


@pytest.mark.parametrize("ending", ["png", "PNG", "jpg", "JPEG", "bmp", "GIF", "webp", "tif", "TIFF", "xyz"])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF"])
def test_pictures_are_known_by_their_contents(ending, kind, folder):
    save(folder / "cat" / f"picture.{ending}", 200, format=kind)
    assert 198 <= image_folder(folder).x[1, 4, 4, 1] <= 202


def colours():
    a = np.zeros((6, 6, 3), np.uint8)
    a[:3] = 255, 0, 0
    a[3:] = 0, 0, 255
    return a


def test_grey_palette_transparent_and_deep_pictures_among_colour_ones(folder):
    def put(name, picture, **options):
        picture.save(folder / "dog" / name, **options)

    for file in (folder / "dog").glob("*"):
        file.unlink()
    red = Image.fromarray(colours())
    put("a.png", red)
    put("b.png", red.convert("L"))
    put("c.png", red.convert("P", palette=Image.Palette.ADAPTIVE))
    half = np.dstack([colours(), np.repeat([[255], [0]], 3, axis=0) * np.ones(6)]).astype(np.uint8)
    put("d.png", Image.fromarray(half))
    put("e.png", Image.fromarray(np.full((6, 6), 100 * 257, np.uint16)))
    put("f.gif", red, save_all=True, append_images=[Image.new("RGB", (6, 6), "white")])
    put("g.png", red.convert("1"))
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate clockwise to see it upright
    put("h.png", red, exif=exif)
    data = image_folder(folder, size=6)
    a, b, c, d, e, f, g, h = data.x[1:]
    assert np.array_equal(a, colours())
    assert np.array_equal(b, np.asarray(red.convert("L"))[..., None].repeat(3, axis=2))
    assert np.array_equal(c, a)
    assert np.array_equal(d[:3], a[:3])
    assert (d[3:] == 255).all()
    assert (e == 100).all()
    assert np.array_equal(f, a)
    assert set(np.unique(g)) <= {0, 255}
    assert np.array_equal(h, np.rot90(a, -1))
    greys = image_folder(folder, size=6, mode="grey")
    assert greys.x.shape == (9, 6, 6, 1)
    assert np.array_equal(greys.x[1, ..., 0], np.asarray(red.convert("L")))


def test_a_size_is_reached_by_cropping_or_squeezing(folder):
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = 255
    save(folder / "cat" / "b.png", wide)
    assert (image_folder(folder, 10).x[1, :, 1:-1] == 255).all()
    squeezed = image_folder(folder, 12, fit="squeeze").x[1, :, :, 0]
    assert (squeezed[:, 5:7] == 255).all()
    assert (squeezed[:, [0, -1]] == 0).all()
    assert image_folder(folder, (5, 9)).x.shape == (4, 5, 9, 3)


def test_a_large_photograph_is_unpacked_in_part_and_comes_out_the_same(folder):
    stripes = np.tile(np.repeat([0, 255], 20), (640, 12))
    for name in ("b.png", "c.jpg"):
        save(folder / "cat" / name, stripes)
    exact, unpacked = image_folder(folder, 48, mode="grey").x[1:3].astype(int)
    assert np.ptp(exact) > 250
    assert np.abs(exact - unpacked).max() < 12


def test_what_is_no_picture_is_left_out_and_counted(folder):
    for name in (".DS_Store", "cat/.a.png", "__MACOSX/cat/a.png", ".git/a.png"):
        save(folder / name, format="PNG")
    save(folder / "dog" / "more" / "a.png")
    (folder / "dog" / "Thumbs.db").write_bytes(bytes(100))
    (folder / "readme.txt").write_text("cats and dogs")
    with pytest.warns(UserWarning, match="left out") as found:
        assert len(image_folder(folder)) == 3
    assert told(found) == [
        f"{folder}: left out of the files and folders in it (hidden: 4, beside the folders of classes: 1, "
        "folders in folders: 1, no pictures: 1)."
    ]


def test_classes_keep_the_numbers_that_a_network_gives_them(folder):
    assert image_folder(folder, class_names=["dog", "bird", "cat"]).y.tolist() == [2, 0, 0]
    with pytest.raises(ValueError, match=r"dog: expected a class among cat, cow, got dog\. Rename the folder"):
        image_folder(folder, class_names=["cat", "cow"])
    for file in (folder / "cat").glob("*"):
        file.unlink()
    (folder / "cat").rmdir()
    assert image_folder(folder, class_names=["cat", "dog"]).y.tolist() == [1, 1]


def broken(folder):
    whole = save(folder / "cat" / "b.png", np.random.default_rng(0).integers(0, 256, (8, 8, 3))).read_bytes()
    (folder / "cat" / "b.png").write_bytes(whole[:100])


def empty(folder):
    (folder / "bird").mkdir()


def alone(folder):
    for file in (folder / "dog").glob("*"):
        file.unlink()
    (folder / "dog").rmdir()


FAULTS = {
    "broken": (broken, r"cat/b.png: expected an image .* got a truncated PNG picture"),
    "other size": (lambda f: save(f / "dog" / "c.png", np.zeros((9, 8))), "c.png: expected 8 x 8 .* got 9 x 8.*size="),
    "empty": (empty, "bird: expected pictures of a class, got none"),
    "alone": (alone, "expected at least two classes, got only cat"),
    "nested": (
        lambda f: save(f / "more" / "a" / "b.png"),
        r"more: expected pictures of a class, got folders, a\. Name .*/more if those are the classes",
    ),
    "newline": (
        lambda f: save(f / "new\nline" / "a.png"),
        r"/new\\nline: expected printable names .*, got 'new\\nline', which holds U\+000A \(a control character\)\. Re",
    ),
    "blank": (
        lambda f: save(f / "a\xa0b" / "a.png"),
        r"/a\\xa0b: expected printable .*, got 'a\\xa0b', which holds U\+00A0 \(no-break space\)\. Rename the folder",
    ),
    "long": (lambda f: save(f / ("n" * 201) / "a.png"), r"n: expected printable names .*, got 'n{20}'\.\.\., of 201\."),
    "numbers": (
        lambda f: Image.fromarray(np.ones((8, 8), np.int32)).save(f / "dog" / "c.tif"),
        r"dog/c.tif: expected greys of 8 or 16 bits, or floats, got 32 bits, of any range\. Save it with 16",
    ),
    "heic": (
        lambda f: (f / "dog" / "c.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(50)),
        r"c.HEIC: expected .* got a HEIC picture\. Make a JPEG picture of it",
    ),
    "bomb": (
        lambda f: Image.new("1", (14_000, 14_000)).save(f / "dog" / "c.png"),
        "c.png: expected an image of at most 67,108,864 pixels",
    ),
    "page": (lambda f: (f / "dog" / "c.jpg").write_text("<html>"), "c.jpg: .* got a web page"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_with_a_folder_is_told(fault, folder):
    spoil, words = FAULTS[fault]
    spoil(folder)
    with pytest.raises(ValueError, match=words):
        image_folder(folder)


def test_folders_without_classes_are_told(tmp_path):
    with pytest.raises(ValueError, match="expected a folder of pictures for each class, got nothing"):
        image_folder(tmp_path)
    save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="expected a folder of pictures for each class, got files alone, 1 of them"):
        image_folder(tmp_path)
    with pytest.raises(FileNotFoundError):
        image_folder(tmp_path / "absent")
    with pytest.raises(NotADirectoryError):
        image_folder(tmp_path / "a.png")


@pytest.mark.parametrize("known", [None, ["cat", "dog"]])
@pytest.mark.parametrize(
    ("files", "told"),
    [
        (
            ["pets/cat/a.png", "pets/dog/a.png"],
            r"{}: .*, got only pets, which holds folders, cat, dog\. Name {}/pets\.$",
        ),
        (
            ["train/cat/a.png", "train/dog/a.png"],
            "Name {}/train, or add a folder test beside it, with a folder for each",
        ),
        (["test/cat/a.png"], r"{}: .*, got only test, which holds folders, cat\. Name {}/test\.$"),
        (["Train/cat/a.png", "test/a.png"], None),
        (
            ["train/cat/a.png", "test/cat/a.png"],
            "{}/test: .* got folders, cat. Read {}/train first, and then {}/test",
        ),
    ],
)
def test_a_folder_that_is_one_too_high_is_told_with_the_one_to_name(files, told, known, tmp_path):
    for file in files:
        save(tmp_path / file)
    told = told or "{}/Train: .*, got folders, cat. Name {}/Train, or sort the pictures of {}/test into a folder for"
    if known is None or len(list(tmp_path.iterdir())) == 1:
        with pytest.raises(ValueError, match=told.replace("{}", re.escape(str(tmp_path)))):
            image_folder(tmp_path, class_names=known)


def test_one_class_that_holds_folders_beside_its_pictures_is_one_class(tmp_path):
    save(tmp_path / "cat" / "a.png")
    save(tmp_path / "cat" / "more" / "a.png")
    with pytest.raises(ValueError, match="expected at least two classes, got only cat"):
        image_folder(tmp_path)
    with pytest.warns(UserWarning, match="folders in folders: 1"):
        assert len(image_folder(tmp_path, class_names=["cat"])) == 1


def dangling(path):
    path.symlink_to("absent.png")


def loop(path):
    path.symlink_to(path.name)


@pytest.mark.parametrize("ending", [".png", ""])
@pytest.mark.parametrize(
    ("make", "told"),
    [
        (dangling, "a link to what is not there. Fetch that, or take it away."),
        (loop, "a link to itself. Take it away."),
        (os.mkfifo, "a pipe or a device. Save what it holds in a file."),
    ],
)
def test_what_is_no_file_is_told_and_left_out_when_asked(make, told, ending, folder):
    make(folder / "cat" / f"x{ending}")
    with pytest.raises(ValueError, match=re.escape(f"cat/x{ending}: expected a picture, got {told}")):
        image_folder(folder, 8)
    with pytest.warns(UserWarning, match=re.escape(f"broken (1): cat/x{ending}. cat/x{ending}: got {told}")):
        assert len(image_folder(folder, skip_broken=True)) == 3


@pytest.mark.parametrize("limit", [None, 0])
def test_links_to_pictures_and_to_folders_are_followed(limit, folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    save(elsewhere / "birds" / "a.png", 40)
    (folder / "bird").symlink_to(elsewhere / "birds", target_is_directory=True)
    (folder / "cat" / "b.png").symlink_to(elsewhere / "birds" / "a.png")
    data = image_folder(folder, memory_limit=limit)
    assert (data.class_names, data.x[:][:, 0, 0, 0].tolist()) == (("bird", "cat", "dog"), [40, 10, 40, 20, 30])


def test_names_that_a_terminal_obeys_are_shown_in_one_line(folder):
    (folder / "cat" / "x\n\x1b[31m.png").write_text("")
    with pytest.raises(ValueError, match=r"cat/x\\n\\x1b\[31m\.png: expected an image") as raised:
        image_folder(folder)
    assert str(raised.value).isprintable()
    with pytest.warns(
        UserWarning, match=r"broken \(1\): cat/x\\n\\x1b\[31m\.png\. cat/x.*: got an empty file"
    ) as found:
        image_folder(folder, skip_broken=True)
    assert told(found)[0].isprintable()


def test_of_what_is_left_out_it_is_said_what_else_than_broken_it_is(folder):
    heic = b"\0\0\0\x18ftypheic" + bytes(50)
    for name in ("c.jpg", "d.HEIC"):
        (folder / "dog" / name).write_bytes(heic)
    with pytest.raises(ValueError, match=r"dog/c.jpg: expected .* got a HEIC picture\. Make a JPEG picture of it"):
        image_folder(folder)
    broken(folder)
    with pytest.warns(UserWarning, match="left out as broken") as found:
        image_folder(folder, skip_broken=True)
    assert told(found) == [
        f"{folder}: left out as broken (3): cat/b.png, dog/c.jpg, dog/d.HEIC. dog/c.jpg: got a HEIC picture. Make a "
        "JPEG picture of it: phones have a setting for that, and programs that show it can."
    ]


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"fit": "squeeze"}, "fit: expected a size to bring pictures to, got none beside 'squeeze'"),
        ({"pictures": Pictures(8, 8), "size": 8}, "pictures: expected no size, mode or fit beside them, got"),
        ({"pictures": Pictures(8, 8), "mode": "grey"}, "pictures: expected no size"),
    ],
)
def test_what_would_be_of_no_effect_is_told(how, told, folder):
    with pytest.raises(ValueError, match=told):
        image_folder(folder, **how)


@pytest.mark.parametrize("limit", [None, 0])
@pytest.mark.parametrize("ending", ["png", "tif", "pgm"])
def test_pictures_of_sixteen_bits_can_be_compared(ending, limit, folder):
    for i, top in enumerate((250, 260, 4095, 65535)):
        ramp, path = np.linspace(0, top, 64).astype(np.uint16).reshape(8, 8), folder / "dog" / f"{i}.{ending}"
        if ending == "pgm":  # which Pillow has not always written
            path.write_bytes(b"P5 8 8 65535 " + ramp.astype(">u2").tobytes())
        else:
            Image.fromarray(ramp).save(path)
    data = image_folder(folder, mode="grey", memory_limit=limit)
    assert data.x[1:5].max(axis=(1, 2, 3)).tolist() == [0, 1, 15, 255]
    for i in range(4):
        assert np.array_equal(read_images(folder / "dog" / f"{i}.{ending}", data.pictures), data.x[[1 + i]])


@pytest.mark.parametrize("limit", [None, 0])
def test_broken_pictures_are_left_out_only_when_asked(limit, folder):
    broken(folder)
    (folder / "cat" / "c.png").write_text("")
    with pytest.warns(UserWarning, match=r"left out as broken \(2\): cat/b.png, cat/c.png\."):
        data = image_folder(folder, skip_broken=True, memory_limit=limit)
    assert data.y.tolist() == [0, 1, 1]
    assert data.x[:, 0, 0, 0].tolist() == [10, 20, 30] if limit is None else data.x[1:][0, 0, 0, 0] == 20
    (folder / "cat" / "a.png").write_text("")
    with (
        pytest.raises(ValueError, match="cat: expected pictures of a class, got broken ones alone"),
        pytest.warns(UserWarning, match=r"left out as broken \(3\)"),
    ):
        image_folder(folder, skip_broken=True)
    save(folder / "dog" / "c.png", np.zeros((9, 8)))
    with pytest.raises(ValueError, match="expected 8 x 8 pixels"):  # it is not broken
        image_folder(folder, skip_broken=True)


# On disk.


def test_what_is_larger_than_a_limit_stays_on_disk(folder):
    held = image_folder(folder)
    data = image_folder(folder, memory_limit=3 * 8 * 8 * 3 - 1)
    assert held.in_memory
    assert isinstance(data.x, PicturesOnDisk)
    assert not data.in_memory
    assert data.x.shape == held.x.shape
    for rows in (slice(1, 3), slice(None), [2, 0], np.array([False, True, True]), np.array([1]), 2, np.int64(0)):
        assert np.array_equal(data.x[rows], held.x[rows])
    assert np.array_equal(data[1:].x, held.x[1:])
    assert image_folder(folder, memory_limit=3 * 8 * 8 * 3).in_memory


def test_parted_data_stay_on_disk(folder):
    held, there = image_folder(folder), image_folder(folder, memory_limit=0)
    for in_memory, on_disk in zip(split(held, 0.34, 0), split(there, 0.34, 0), strict=True):
        assert isinstance(on_disk.x, PicturesOnDisk)
        assert np.array_equal(on_disk.x[:], in_memory.x)
        assert on_disk.pictures == in_memory.pictures == held.pictures


def test_training_from_disk_gives_the_same_network(folder, rng):
    for i in range(20):
        save(folder / "cat" / f"{i}.png", rng.integers(0, 256, (8, 8, 3)))
    nets = []
    for limit in (None, 0):
        nets.append(Network([(8, 8, 3), 4, 2]))
        data = image_folder(folder, memory_limit=limit)
        nets[-1].fit(data, epochs=2, batch_size=4, validation=data)
        nets[-1].evaluate(data)
    assert all(np.array_equal(*pair) for pair in zip(nets[0].weights, nets[1].weights, strict=True))


def test_stopped_and_resumed_on_pictures_on_disk_it_ends_at_the_same_bits(folder, rng, monkeypatch, tmp_path_factory):
    for i in range(30):
        save(folder / ("cat", "dog")[i % 2] / f"{i}.png", rng.integers(0, 256, (8, 8, 3)))
    set_chunk_bytes(monkeypatch, 8 * 8 * 3 * 4 * 8)

    def fitted(limit=0, **how):
        net, data = Network([(8, 8, 3), 4, 2]), image_folder(folder, memory_limit=limit)
        how |= {"transform": [Shift(2), Flip(), Rotate(20)], "validation": data}
        net.fit(data, epochs=4, batch_size=4, progress=False, **how)
        return [*net.weights, *net.biases]

    whole, kept = fitted(), tmp_path_factory.mktemp("run")
    for n in (2, 9, 5):
        with pytest.raises(KeyboardInterrupt):
            fitted(checkpoint=Checkpoint(kept), resume=kept, callbacks=[StopAt(n)])
    for other in (fitted(resume=kept), fitted(limit=None)):
        assert all(np.array_equal(*pair) for pair in zip(whole, other, strict=True))


def gone(path):
    path.unlink()


def altered(path):
    save(path, 99)
    os.utime(path, ns=(1, 1))


def cut(path):
    path.write_bytes(path.read_bytes()[:50])


@pytest.mark.parametrize("change", [gone, altered, cut])
def test_a_folder_that_changes_after_it_was_read_is_told(change, folder):
    data = image_folder(folder, memory_limit=0)
    change(folder / "dog" / "a.png")
    assert data.x[[0, 2]].shape == (2, 8, 8, 3)
    with pytest.raises(ValueError, match=r"dog/a.png: expected a picture as it was .* it changes while it is read"):
        data.x[:]


def test_a_folder_that_changes_while_it_is_read_is_told(folder, monkeypatch):
    listed = os.scandir

    def scandir(path):
        entries = listed(path)
        if os.fspath(path).endswith("dog"):
            (folder / "cat" / "a.png").unlink()  # it has been listed
        return entries

    monkeypatch.setattr(os, "scandir", scandir)
    for size in (None, 4):
        save(folder / "cat" / "a.png")
        with pytest.raises(ValueError, match=r"cat/a.png: expected a picture as it was"):
            image_folder(folder, size)


def test_each_file_alone_is_bitwise_its_row(folder, rng):
    save(folder / "cat" / "b.jpg", rng.integers(0, 256, (40, 30, 3)))
    save(folder / "cat" / "c.jpg", rng.integers(0, 256, (300, 500, 3)))
    for mode in ("colour", "grey"):
        for fit in ("crop", "squeeze"):
            data = image_folder(folder, (7, 9), mode, fit)
            files = [*sorted((folder / "cat").glob("*")), *sorted((folder / "dog").glob("*"))]
            for file, row in zip(files, data.x, strict=True):
                assert np.array_equal(read_images(file, data.pictures), row[None])
            assert np.array_equal(image_folder(folder, pictures=data.pictures).x, data.x)


def test_train_and_test_are_found(folder, tmp_path):
    assert train_and_test(folder) is None
    save(folder / "train" / "a.png")
    save(folder / "test" / "a.png")
    assert train_and_test(folder) is None  # classes of these names
    save(folder / "train" / "cat" / "a.png")
    save(folder / "test" / "cat" / "a.png")
    with pytest.warns(UserWarning, match=re.escape("beside train and test (2): cat, dog.")):
        assert train_and_test(folder) == (folder / "train", folder / "test")
    (folder / "train").rename(folder / "TRAIN")
    (folder / "test").rename(folder / "Test")
    with pytest.warns(UserWarning, match=re.escape("beside TRAIN and Test (2): cat, dog.")):
        assert train_and_test(folder) == (folder / "TRAIN", folder / "Test")


def test_pictures_that_are_read_are_counted(folder, monkeypatch, capsys):
    clock = iter(range(1000))
    monkeypatch.setattr("tqdm.std.time", lambda: next(clock))
    image_folder(folder, progress=True)
    assert "Reading pictures:  33%|" in capsys.readouterr().err
    image_folder(folder, progress=False)
    assert not capsys.readouterr().err


def test_a_size_is_not_taken_for_what_is_done_to_pictures(folder):
    with pytest.raises(TypeError, match=r"pictures: expected net\.pictures, got \(28, 28\)"):
        read_images(folder / "dog" / "a.png", (28, 28))


def test_a_hundred_thousand_files_are_listed_without_looking_into_them(tmp_path, monkeypatch):
    class Entry:
        def __init__(self, name):
            self.name = name

        def is_dir(self):
            return "." not in self.name

    class Listed(list):
        __enter__ = list.__iter__
        __exit__ = staticmethod(lambda *_: None)

    files = Listed(Entry(f"{i}.png") for i in range(50_000))
    listed = {tmp_path: Listed([Entry("cat"), Entry("dog")]), tmp_path / "cat": files, tmp_path / "dog": files}
    monkeypatch.setattr(os, "scandir", listed.__getitem__)
    with pytest.raises(ValueError, match=r"cat/0.png: expected a picture as it was"):  # the first that is opened
        image_folder(tmp_path, 8, memory_limit=0)
