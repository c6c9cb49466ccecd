"""The rules of the house, read from the syntax trees of its rooms."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import anynet

HOME = Path(anynet.__file__).parent

# From the ground up: a room stands above all that it imports.
FLOORS = [
    {"checks", "typing"},
    {"backends", "random", "formats", "signals"},
    {"pixels", "activations", "initializers", "optimizers", "metrics"},
    {"datasets"},
    {"layers", "costs", "batches", "formula"},
    {"training", "foreign"},
    {"brains"},
    {"progress"},
    {"network"},
    {"plots"},
    {"commands"},
    {"cli"},
    {"__main__"},
]
# Rooms that deal with disks, people and random numbers, in plain NumPy.
HOST_ROOMS = {
    "random",
    "typing",
    "initializers",
    "datasets",
    "formats",
    "signals",
    "foreign",
    "brains",
    "formula",
    "progress",
    "plots",
    "commands",
    "cli",
    "__main__",
}
LIBRARIES = {"numpy", "cupy", "torch", "jax", "array_api_strict"}


def rooms():
    """Yield (room, path, syntax tree) of each source file; a folder is one room."""
    for path in sorted(HOME.rglob("*.py")):
        relative = path.relative_to(HOME)
        if relative.name != "__init__.py" or relative.parent != Path():
            yield relative.parts[0].removesuffix(".py"), path, ast.parse(path.read_text(encoding="utf-8"))


def imported(tree):
    """Return the full names of the modules that a tree imports, wherever the import stands."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def floor_of(room):
    return next(i for i, floor in enumerate(FLOORS) if room in floor)


def test_every_room_has_a_floor():
    assert {room for room, _, _ in rooms()} == set().union(*FLOORS)


def test_imports_run_down_the_floors():
    for room, path, tree in rooms():
        for name in imported(tree):
            parts = name.split(".")
            if parts[0] != "anynet" or len(parts) < 2 or parts[1] == room:
                continue
            if (HOME / f"{parts[1]}.py").exists() or (HOME / parts[1]).is_dir():
                assert floor_of(parts[1]) < floor_of(room), f"{path.name} imports {name}"


def test_device_rooms_name_no_array_library():
    for room, path, tree in rooms():
        if room in HOST_ROOMS | {"backends"}:
            continue
        for name in imported(tree):
            assert name.split(".")[0] not in LIBRARIES, f"{path.name} imports {name}"
            assert name.split(".")[1:2] != ["numpy"], f"{path.name} imports {name}"
        named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert not named & {"np", "numpy", "cp", "cupy", "torch", "jax", "jnp"}, path.name
        strings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and type(node.value) is str}
        docstrings = {ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, DOCUMENTED)}
        defaults = {"numpy"} if room == "network" else set()  # the default of `backend=`
        assert not (strings - docstrings - defaults) & LIBRARIES, path.name


DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)


def test_only_backends_and_commands_name_gpu_libraries():
    for room, path, tree in rooms():
        if room != "backends":
            assert not {n.split(".")[0] for n in imported(tree)} & (LIBRARIES - {"numpy"}), path.name


def test_numpy_scalars_do_not_stand_for_python_numbers():
    """np.sqrt(2) is float64 and would promote float32 arrays: math.sqrt is a Python float."""
    for _, path, tree in rooms():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "np":
                assert node.attr not in {"sqrt", "exp", "log", "pi", "random"} or path.name in {
                    "random.py",
                    "typing.py",
                    "initializers.py",
                }, path.name


def test_public_names():
    assert sorted(anynet.__all__) == sorted(set(anynet.__all__))
    for name in anynet.__all__:
        assert getattr(anynet, name) is not None
    assert set(anynet.__all__) <= set(dir(anynet))
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        anynet.Nonsense  # noqa: B018


def test_public_docstrings_stand_and_their_examples_run():
    import doctest

    from anynet import activations, network

    for module in (activations, network):
        results = doctest.testmod(module)
        assert results.attempted > 0
        assert results.failed == 0


def test_importing_the_package_alone_loads_nothing_beyond_the_standard_library():
    code = "import sys, anynet; print('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
