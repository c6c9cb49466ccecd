"""The rules of the house, read from the syntax trees of its rooms.

Who may import whom is import-linter's, in pyproject.toml. Here stand names and strings.
"""

import ast
import subprocess
import sys
from pathlib import Path

import anynet
from anynet.backends import LIBRARIES as BACKENDS

HOME = Path(anynet.__file__).parent
TESTS = Path(__file__).parent

# Rooms that deal with disks, people and random numbers, in plain NumPy. The others hold mathematics: they are handed
# the namespace xp, and name no array library.
HOST_ROOMS = {
    "typing",
    "random",
    "signals",
    "formats",
    "initializers",
    "augmentation",
    "books",
    "datasets",
    "data",
    "examples",
    "saving",
    "resuming",
    "agreement",
    "weighting",
    "formula",
    "ensemble",
    "gradient_check",
    "panels",
    "plots",
    "progress",
    "commands",
    "cli",
    "__main__",
}
CHECKS = {"checks"}  # of what a user hands over: plain Python
LIBRARIES = set(BACKENDS)
PARTS = {"kernels": "cupy", "cuda_windows": "cupy"}  # of backends/: a file that is a part of a library's
SHORT_NAMES = {"np", "cp", "jnp"}
# A room whose values are all tested elsewhere: names alone, or the door that tests of the command line go through.
WITHOUT_TESTS = {"typing", "__main__"}
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)


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


def strings(tree):
    """Return the strings of a tree that are no docstrings."""
    found = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and type(node.value) is str}
    return found - {ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, DOCUMENTED)}


def test_every_room_has_a_test_file():
    """Of its name; or, a folder, one for each of its files that has values of its own to test, or each folder in it."""
    for room in {room for room, _, _ in rooms()} - WITHOUT_TESTS:
        folder = HOME / room
        files = [path.stem for path in folder.glob("[!_]*.py")] if folder.is_dir() else []
        files += [path.parent.name for path in folder.glob("*/__init__.py")]
        names = {path.stem for path in TESTS.rglob("test_*.py")}
        assert f"test_{room}" in names or (files and all(f"test_{file}" in names for file in files)), room


def test_device_rooms_name_no_array_library():
    for room, path, tree in rooms():
        if room in HOST_ROOMS | CHECKS | {"backends"}:
            continue
        for name in imported(tree):
            assert name.split(".")[0] not in LIBRARIES, f"{path.name} imports {name}"
            assert name.split(".")[1:2] != ["numpy"], f"{path.name} imports {name}"
        named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert not named & (LIBRARIES | SHORT_NAMES), path.name
        defaults = {"numpy"} if room in {"network", "brain"} else set()  # the default of `backend=`
        assert not (strings(tree) - defaults) & LIBRARIES, path.name


def test_the_calculus_imports_types_and_what_changes_parameters_alone():
    [tree] = [tree for room, _, tree in rooms() if room == "backprop"]
    of_types = {
        n for block in ast.walk(tree) if isinstance(block, ast.If) for n in imported(block)
    }  # for type checkers
    ours = {name for name in imported(tree) - of_types if name.startswith("anynet")}
    assert {name.split(".")[1] for name in ours} == {"parameters", "regularization", "trees", "typing"}


def test_every_exception_is_a_room():
    assert {room for room, _, _ in rooms()} >= HOST_ROOMS | CHECKS | WITHOUT_TESTS


def test_only_backends_name_the_libraries_of_devices():
    """Neither by an import nor by a string, help texts of the command line among them."""
    for room, path, tree in rooms():
        if room != "backends":
            assert not {n.split(".")[0] for n in imported(tree)} & (LIBRARIES - {"numpy"}), path.name
            assert not strings(tree) & (LIBRARIES - {"numpy"}), path.name


def test_a_backends_file_names_its_own_library_alone_and_imports_it_within_functions():
    for path in sorted((HOME / "backends").glob("[!_]*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        own = {PARTS.get(path.stem, path.stem), "numpy"}  # NumPy's is what comes from the host
        found = {name.split(".")[0] for name in imported(tree)} & LIBRARIES
        found |= {name.split(".")[1] for name in imported(tree) if name.startswith("array_api_compat.")} & LIBRARIES
        assert found <= own, path.name
        at_the_top = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        loaded = {name.split(".")[0] for name in imported(ast.Module(at_the_top, []))}
        assert not loaded & (LIBRARIES - {"numpy"}), path.name


def test_numpy_scalars_do_not_stand_for_python_numbers():
    """np.sqrt(2) is float64 and would promote float32 arrays: math.sqrt is a Python float."""
    for _, path, tree in rooms():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "np":
                assert node.attr not in {"sqrt", "exp", "log", "pi", "random"} or path.name in {
                    "random.py",
                    "typing.py",
                }, path.name


def test_tests_do_not_hold_on_to_what_is_private():
    """Of a network or a module of the library: what begins with an underscore may move."""
    for path in sorted(TESTS.glob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("anynet"):
                private = {alias.name for alias in node.names if alias.name.startswith("_")} - {"__version__"}
                assert not private, path.name


def test_importing_the_package_alone_loads_nothing_beyond_the_standard_library():
    code = "import sys, anynet; print('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_filters_of_warnings_which_are_the_process_s_are_touched_by_programs_alone():
    """Threads that put them back at once leave those of another. Behind a lock, CuPy's first import may."""
    touching = [path for _, path, _ in rooms() if "catch_warnings" in path.read_text(encoding="utf-8")]
    assert {path.relative_to(HOME).parts[0] for path in touching} <= {"commands", "backends"}
    assert [path.name for path in touching if path.parent.name == "backends"] == ["cupy.py"]
