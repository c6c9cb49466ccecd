"""The door: what it answers before NumPy is loaded, and the exit codes it gives."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from anynet import Network, __version__
from anynet.cli import main
from anynet.datasets.mnist import mnist_test_images


def test_the_version_is_the_package_s(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"anynet {__version__}\n"


@pytest.mark.parametrize("option", ["--version", "--help", "fly"])
def test_what_needs_no_numbers_is_answered_without_numpy(option):
    code = f"""
import sys
from anynet.cli import main
try:
    main([{option!r}])
except SystemExit as end:
    print(end.code, [name for name in ("numpy", "array_api_compat", "tqdm") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == f"{2 if option == 'fly' else 0} []"


@pytest.mark.parametrize(
    ("raised", "code"),
    [(None, 0), (ValueError("x"), 70), (OSError("full"), 1), (KeyboardInterrupt(), 130), (KeyboardInterrupt(15), 143)],
)
def test_the_exit_code_says_how_it_ended(raised, code, monkeypatch, capsys):
    def run(arguments):
        if raised is not None:
            raise raised

    monkeypatch.setattr("anynet.commands.info.run", run)
    assert main(["info"]) == code
    assert capsys.readouterr().err.count("\n") == (code not in (0, 130, 143))


FULL = Path("/dev/full")


@pytest.mark.slow
@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize(
    "command",
    ["info", "show-digit 0", "evaluate net.npz", "evaluate net.npz --json", "predict net.npz digit"],
)
def test_an_output_that_is_full_is_told_as_that(command, tmp_path):
    Network([784, 10]).save(tmp_path / "net.npz")
    (tmp_path / "digit").write_bytes(b"\0\0\x08\x02" + bytes([0, 0, 0, 28] * 2) + mnist_test_images()[0][0].tobytes())
    with FULL.open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "anynet", *command.split()],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False, cwd=tmp_path,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "anynet: standard output: No space left on device.\n")


@pytest.mark.parametrize("command", ["predict net.npz digits", "predict net.npz digits --json"])
def test_a_reader_that_has_seen_enough_is_not_blamed_on_the_images(command, tmp_path):
    Network([784, 10]).save(tmp_path / "net.npz")
    sizes = b"".join(n.to_bytes(4, "big") for n in (400, 28, 28))
    (tmp_path / "digits").write_bytes(b"\0\0\x08\x03" + sizes + mnist_test_images()[0][:400].tobytes())
    done = subprocess.run(
        f"{sys.executable} -m anynet {command} | head -1",
        shell=True, capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.stderr == ""
    assert "digits[0]" in done.stdout


@pytest.mark.slow
def test_a_name_that_the_terminal_cannot_show_loses_no_result(tmp_path):
    Network([784, 10]).save(tmp_path / "r\u00e9seau \u4e00.npz")
    done = subprocess.run(
        [sys.executable, "-m", "anynet", "evaluate", "r\u00e9seau \u4e00.npz"],
        capture_output=True, check=False, cwd=tmp_path, env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"r\\xe9seau \\u4e00.npz: ")


def test_python_m_anynet_is_the_command():
    done = subprocess.run([sys.executable, "-m", "anynet", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"anynet {__version__}\n"
