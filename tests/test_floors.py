"""The floors: what pyproject.toml declares is what .ci/floors.txt has, and the suite is run with."""

import re
import tomllib
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(not (HOME / ".ci").exists(), reason="away from the repository")


def test_each_declared_floor_is_one_that_the_suite_runs_at():
    project = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]
    declared = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    floors = dict(re.findall(r"^([\w-]+)==([\d.]+)$", (HOME / ".ci" / "floors.txt").read_text(), re.MULTILINE))
    for requirement in declared:
        name, floor = requirement.split(">=")
        assert floors[name].startswith(floor), requirement
        assert set(floors[name].removeprefix(floor)) <= set(".0"), requirement


def test_and_ci_runs_it():
    run = (HOME / ".ci" / "run").read_text()
    assert "--constraint .ci/floors.txt" in run
    assert ".floors/bin/python -m pytest" in run
