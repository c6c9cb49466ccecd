"""Memory: how much a process takes that trains, and that it takes no more with every epoch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def peak_megabytes(code):
    """Return the peak memory of a Python process that runs the code."""
    # Not ru_maxrss, which a process inherits from the one that started it.
    code += "\nprint([l for l in open('/proc/self/status') if l.startswith('VmHWM')][0].split()[1])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) / 1024


needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")


@needs_proc
def test_training_the_books_network_takes_less_than_250_megabytes():
    peak = peak_megabytes("from anynet.cli import main; main(['train', '--epochs', '2'])")
    print(f"peak memory of anynet train: {peak:.0f} MB")
    assert peak < 250


@needs_proc
@pytest.mark.parametrize(("limit", "most"), [("100MB", 350), ("20MB", 110)])  # all of them in memory, and on disk
def test_training_on_twenty_thousand_pictures_takes_no_more_memory_than_it_may(limit, most, pictures):
    words = ["train", "--data", str(pictures), "--memory-limit", limit, "--epochs", "1", "--batch-size", "100"]
    peak = peak_megabytes(f"from anynet.cli import main; assert main({words}) == 0")
    print(f"peak memory with --memory-limit {limit}: {peak:.0f} MB")
    assert peak < most


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of 20,000 pictures 32x32x3 in two classes, a dark one and a light one."""
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for name, lightest in (("dark", 128), ("light", 256)):
        (folder / name).mkdir()
        for i, pixels in enumerate(rng.integers(0, lightest, (10_000, 32, 32, 3), np.uint8)):
            (folder / name / f"{i}.ppm").write_bytes(b"P6 32 32 255 " + pixels.tobytes())
    return folder


@needs_proc
def test_memory_does_not_grow_with_epochs():
    code = """
import os, numpy as np
from anynet import Network
def anonymous():  # not the pages of libraries, which are read in when first needed
    resident, shared = map(int, open("/proc/self/statm").read().split()[1:3])
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE") / 2**20
rng = np.random.default_rng(1)
net = Network([50, 20, 5])
sizes = []
data = (rng.standard_normal((2000, 50)), rng.integers(0, 5, 2000))
for report in net.iter_fit(data, epochs=100, validation=data):
    if report.is_epoch_end:
        sizes.append(anonymous())
print(sizes[-1] - sizes[1])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 1.0  # megabytes; the allocator's own slack
