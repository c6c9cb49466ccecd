"""The door: what it answers before NumPy is loaded, and the exit codes it gives."""

import subprocess
import sys

import pytest

from anynet import __version__
from anynet.cli import main


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
    ("raised", "code"), [(None, 0), (ValueError("x"), 70), (OSError("full"), 1), (KeyboardInterrupt(), 130)]
)
def test_the_exit_code_says_how_it_ended(raised, code, monkeypatch, capsys):
    def run(arguments):
        if raised is not None:
            raise raised

    monkeypatch.setattr("anynet.commands.info.run", run)
    assert main(["info"]) == code
    assert capsys.readouterr().err.count("\n") == (code not in (0, 130))


def test_python_m_anynet_is_the_command():
    done = subprocess.run([sys.executable, "-m", "anynet", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"anynet {__version__}\n"
