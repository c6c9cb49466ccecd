"""Options from a file, `--config run.toml`: its keys are the names of options, and what is typed wins."""

import argparse
import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anynet.checks import as_code, look_up, shown
from anynet.commands.errors import UsageError
from anynet.formats.bounded import regular
from anynet.formats.replacing import replace_file

MAX_BYTES = 2**18  # what is typed is half as long at most
_PART = rb"""(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')"""  # of a key in TOML
# tomllib takes long for keys of many parts.
_DOTTED = re.compile(rb"(?<![\w-])" + _PART + rb"(?:[ \t]*+\.[ \t]*+" + _PART + rb"){20}")
# Of one run alone: where it writes is what the file with the resolved options is named by.
OF_ONE_RUN = ("config", "dry_run", "force", "output", "quiet", "traceback")


class FromFile(argparse.Action):
    """Makes what a file says the defaults of a command, which has to be parsed once more."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option_string: Any = None
    ) -> None:
        """Read the file that was named."""
        parser.set_defaults(**_read(values, _known(parser)))
        setattr(namespace, self.dest, values)


def _known(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """Return the options that a file may hold, by their names."""
    known = {name.removeprefix("--"): a for name, a in parser._option_string_actions.items() if name.startswith("--")}
    return {name: action for name, action in known.items() if action.dest not in ("help", "config", "traceback")}


def _read(path: str, known: Mapping[str, argparse.Action]) -> dict[str, Any]:
    """Return the values of options in a file, by what they are called among the arguments."""
    where = f"--config {path}"
    with regular(path) as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise UsageError(f"{where}: expected at most {MAX_BYTES:,} bytes, got more. Name a file of options.")
    if _DOTTED.search(content):
        raise UsageError(f"{where}: expected names of options, such as epochs = 30, got one of many parts. Rename it.")
    try:
        given = tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        words = shown(" ".join(str(error).split()), 200)
        raise UsageError(f"{where}: expected TOML, such as epochs = 30, got other text: {words}.") from None
    values = {}
    for name, value in given.items():
        action = look_up(known, name, where)
        if action.dest in values:
            raise UsageError(f"{where}: expected each option once, got {name} under another name too. Leave one out.")
        values[action.dest] = _value(f"{where}: {name}", value, action)
        if action.nargs == 0 and name.startswith("no-"):
            values[action.dest] = not value
    return values


def _value(where: str, value: Any, action: argparse.Action) -> Any:
    """Return what a file says of an option, as it would be if it had been typed."""
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise UsageError(f"{where}: expected true or false, got {_said(value)!r}.")
        return value
    takes_several = action.nargs == "+"
    several = value if isinstance(value, list) and takes_several else [value]
    kinds = "a text or a number" + takes_several * ", or a list of such"
    if not several or not all(isinstance(each, str) or _is_number(each) for each in several):
        raise UsageError(f"{where}: expected {kinds}, got {_said(value)}.")
    if any("\0" in str(each) for each in several):
        raise UsageError(f"{where}: expected what can be typed, got {as_code(value)}, which holds U+0000.")
    make: Any = action.type or str
    try:
        read = [make(str(each)) for each in several]
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"{where}: {error}.") from None
    return read if takes_several else read[0]


def _is_number(value: Any) -> bool:
    is_short = isinstance(value, float) or (isinstance(value, int) and value.bit_length() < 1000)
    return is_short and not isinstance(value, bool)


def _said(value: Any) -> str:
    """Return the beginning of what a file says, for a message."""
    try:
        return shown(str(value), 100)
    except ValueError:  # a whole number of more digits than Python writes
        return "one of many digits"


def resolved_path(output: Path) -> Path:
    """Return where the resolved options of a run are written."""
    return output.with_name(f"{output.name}.toml")


def write_resolved(values: Mapping[str, Any], output: Path, is_new: bool) -> None:
    """Write the options of a run beside its output, whole or not at all, as `--config` reads them; over nothing new."""
    lines = ["# The options of the run that wrote the file of this name, without .toml.\n"]
    for name, value in sorted(values.items()):
        if value is not None and name not in OF_ONE_RUN and not callable(value):
            lines.append(f"{name.replace('_', '-')} = {_as_toml(value)}\n")
    replace_file(resolved_path(output), lambda file: file.write("".join(lines).encode("utf-8", "replace")), is_new)


def _as_toml(value: Any) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, list):
        return f"[{', '.join(map(_as_toml, value))}]"
    if isinstance(value, tuple):  # what is typed with commas between, such as the names of classes
        return _as_toml(",".join(map(str, value)))
    if isinstance(value, str):  # which JSON writes in the same way, but for one character
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value).lower() if isinstance(value, bool) else repr(value)
