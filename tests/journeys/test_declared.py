"""No file takes more of whoever reads it than it honestly declares, by 200 MB, however it was made."""

import warnings

import costs_of
import greedy
import pytest

from anynet import Network, datasets
from anynet.formats.pictures import Pictures

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not costs_of.can_be_measured(), reason="the peak of a process's memory is told by Linux"),
]


def in_one_size(path):
    return datasets.read_images(path, Pictures(32, 32, "colour", "crop"))


READERS = {  # and how many times what a file declares they need: a picture is in colour before it is made smaller
    "networks": {Network.load: 1},
    "tables": {datasets.read_data: 1},
    "pictures": {datasets.read_images: 1, in_one_size: 3},
}


@pytest.mark.parametrize("kind", READERS)
def test_what_is_made_to_take_much_takes_what_it_declares(kind, tmp_path):
    path, took = tmp_path / ("file.npz" if kind == "networks" else "file"), {}
    for name, data, declared in getattr(greedy, kind)():
        path.write_bytes(data)
        del data
        for read, times in READERS[kind].items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                megabytes, seconds, result = costs_of.costs_of(lambda read=read: read(path))
            print(f"{name}: {megabytes:.0f} MB, of which it declares {times * declared:.0f}, in {seconds:.2f} s")
            took[name, read.__name__] = megabytes - times * declared
            if isinstance(result, Exception):
                assert isinstance(result, ValueError), name
                assert str(result).startswith(f"{path}: "), name
            del result
    assert {name: above for name, above in took.items() if above > 200} == {}
    assert len(took) >= 5
