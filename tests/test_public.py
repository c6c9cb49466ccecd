"""What is public: its names, its docstrings, and that every example of the documentation runs."""

import doctest
import importlib
import inspect
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import anynet
from anynet import datasets
from anynet.activations import ACTIVATIONS
from anynet.books.theano.tensor import NAMED as TENSOR_NAMES
from anynet.layers import LAYERS
from anynet.optimizers import OPTIMIZERS
from anynet.schedules import SCHEDULES

PUBLIC = {
    "anynet": [
        "SGD", "Activation", "Checkpoint", "Cost", "Dataset", "Dense", "Dropout", "EarlyStopping", "Ensemble",
        "History", "Initializer", "Layer", "Metric", "Network", "Optimizer", "Report", "Schedule", "Standardize",
        "activations", "array_namespace", "augmentation", "backends", "costs", "datasets", "function", "grad",
        "initializers", "layers", "metrics", "optimizers", "plots", "pp", "schedules",
    ],
    "anynet.network": ["Network"],
    "anynet.ensemble": ["Ensemble"],
    "anynet.layers": ["LAYERS", "Dense", "Dropout", "Layer", "Standardize"],
    "anynet.augmentation": ["Brightness", "Flip", "Rotate", "Scale", "Shift"],
    "anynet.callbacks": ["Checkpoint", "EarlyStopping"],
    "anynet.history": ["History", "Report"],
    "anynet.activations": [
        "ACTIVATIONS", "Activation", "get", "identity", "relu", "sigmoid", "softmax", "step", "tanh",
    ],
    "anynet.costs": ["COSTS", "Cost", "get"],
    "anynet.initializers": ["INITIALIZERS", "Initializer", "get"],
    "anynet.optimizers": ["OPTIMIZERS", "SGD", "Optimizer", "get", "initialize"],
    "anynet.schedules": ["SCHEDULES", "Schedule", "Watched"],
    "anynet.metrics": [
        "METRICS", "TASKS", "Answers", "Metric", "chosen", "confusion_matrix", "decide", "get", "is_right",
    ],
    "anynet.datasets": [
        "Dataset", "as_dataset", "image_folder", "load_data", "load_data_wrapper", "load_mnist", "mnist", "read_data",
        "read_idx", "read_images", "read_npz_dataset", "split", "to_mnist", "vectorized_result",
    ],
    "anynet.backends": [
        "DTYPES", "Backend", "available", "diagnose_cupy", "get", "library_of", "to_numpy", "unavailable_reason",
    ],
    "anynet.plots": ["as_text", "show", "show_errors", "show_filters", "show_layers"],
    "anynet.books.deep_learning_from_scratch": [
        "AND", "NAND", "OR", "XOR", "forward", "identity_function", "img_show", "init_network", "load_mnist", "np",
        "predict", "relu", "sigmoid", "softmax", "step_function",
    ],
    "anynet.books.mnist_loader": ["load_data", "load_data_wrapper", "np", "vectorized_result"],
    "anynet.books.network": ["Network", "np", "sigmoid", "sigmoid_prime"],
    "anynet.books.network2": [
        "CrossEntropyCost", "Network", "QuadraticCost", "load", "np", "sigmoid", "sigmoid_prime", "vectorized_result",
    ],
    "anynet.books.theano": ["In", "config", "function", "grad", "pp", "shared", "tensor"],
    "anynet.books.theano.tensor": ["arange", "as_tensor_variable", "cast", "flatten", "grad", "nnet", "pp", "reshape"],
    "anynet.books.theano.nnet": ["binary_crossentropy", "categorical_crossentropy", "relu", "sigmoid", "softmax"],
}  # fmt: skip
PRIVATE_BASES = ("anynet.book_face", "anynet.brain")  # of `Network`, whose docstrings are read as its own
README = Path(anynet.__file__).parents[1] / "README.md"


def in_tables():
    """Return what the tables hold by name: whoever adds an entry touches no test."""
    return {
        *LAYERS,
        *ACTIVATIONS,
        *(made.__name__ for table in (OPTIMIZERS, SCHEDULES) for made in table.values()),
        *TENSOR_NAMES,
    }


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_are_these(module):
    found = importlib.import_module(module)
    assert len(set(found.__all__)) == len(found.__all__)
    assert set(PUBLIC[module]) <= set(found.__all__)
    assert set(found.__all__) <= {*PUBLIC[module], *in_tables()}
    assert all(getattr(found, name) is not None for name in found.__all__)


def test_the_package_lists_its_names():
    assert sorted(anynet.__all__) == sorted(set(anynet.__all__))
    assert set(anynet.__all__) <= set(dir(anynet))
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        anynet.Nonsense  # noqa: B018


def test_the_package_is_typed_for_those_who_use_it():
    """What is imported lazily is named to type checkers as well."""
    source = Path(anynet.__file__).read_text(encoding="utf-8")
    for name in anynet.__all__:
        assert re.search(rf"^    from anynet[\w.]* import (\([^)]*|.*)\b{name}\b", source, re.MULTILINE), name


# Docstrings.


def documented():
    """Yield (name, thing) of each public function, class and public method, described once."""
    seen = set()
    for module in PUBLIC:
        for name in PUBLIC[module]:
            thing = getattr(importlib.import_module(module), name)
            is_ours = str(getattr(thing, "__module__", "")).partition(".")[0] == "anynet"
            if not is_ours or not hasattr(thing, "__name__") or id(thing) in seen:
                continue  # tables, the values in them, and what is handed on of another library
            seen.add(id(thing))
            yield f"{module}.{name}", thing
            if inspect.isclass(thing):
                yield from methods(f"{module}.{name}", thing)


def methods(where, kind):
    """Yield (name, function) of the public methods and properties that a class, or a private room for it, defines."""
    bases = [base for base in kind.__mro__ if base is kind or base.__module__ in PRIVATE_BASES]
    for name, member in [each for base in bases for each in vars(base).items()]:
        if name.startswith("_"):
            continue
        function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        is_settled = any(name in vars(base) for base in kind.__mro__ if base not in bases)  # described there
        is_field = name in getattr(kind, "__dataclass_fields__", ())  # described with the class
        if inspect.isfunction(function) and not is_settled and not is_field:
            yield f"{where}.{name}", member if isinstance(member, property) else function


def section(doc, title):
    """Return the lines of a Google section, None where there is none."""
    found = re.search(rf"^{title}:\n((?:[ \t]+.*\n?|\n)*)", doc, re.MULTILINE)
    return found and found.group(1)


def arguments_of(thing):
    """Return the names of the arguments that a docstring must explain."""
    parameters = list(inspect.signature(thing).parameters.values())
    return [p.name for p in parameters if p.name not in ("self", "cls")]


def missing(thing):
    """Return what the docstring of a public thing lacks."""
    doc = inspect.getdoc(thing) or ""
    if isinstance(thing, property):
        return [] if doc else ["a docstring"]
    if not doc:
        return ["a docstring"]
    lacks = []
    arguments = arguments_of(thing)
    args = section(doc, "Args") or ""
    lacks += [f"Args: {name}" for name in arguments if not re.search(rf"^\s+\*{{0,2}}{name}[:,]", args, re.MULTILINE)]
    if inspect.isclass(thing):
        return lacks + ([] if section(doc, "Example") else ["Example"])
    returns = inspect.signature(thing).return_annotation
    says_in_its_first_line = re.match(r"(Return|Yield)|.*\breturn", doc)
    if returns not in (None, "None", inspect.Signature.empty) and not (
        section(doc, "Returns") or section(doc, "Yields") or says_in_its_first_line
    ):
        lacks.append("Returns")
    return lacks


@pytest.mark.parametrize(("name", "thing"), [pytest.param(*each, id=each[0]) for each in documented()])
def test_public_docstrings_say_what_they_owe(name, thing):
    """All of it for what is named; the methods of a class a docstring, and if it has sections, whole ones."""
    is_method = name.rpartition(".")[0] not in PUBLIC
    if is_method and section(inspect.getdoc(thing) or "", "Args") is None:
        assert inspect.getdoc(thing)
    else:
        assert missing(thing) == []


def functions_without_an_example():
    """Return the public functions of modules that show no example."""
    return [
        name
        for name, thing in documented()
        if inspect.isfunction(thing)
        and name.rpartition(".")[0] in PUBLIC
        and not section(inspect.getdoc(thing) or "", "Example")
    ]


def test_public_functions_show_an_example():
    assert functions_without_an_example() == []


def test_the_checker_sees_what_is_missing():
    def bare(x, y):
        """Do something."""

    def whole(x: int, *, y: int = 1) -> int:
        """Do something.

        Args:
            x: One.
            y: Another.

        Returns:
            A third.
        """

    def half(x: int) -> int:
        """Do something.

        Args:
            z: Nothing of the kind.
        """

    assert missing(bare) == ["Args: x", "Args: y"]
    assert missing(whole) == []
    assert missing(half) == ["Args: x", "Returns"]
    bare.__doc__ = None
    assert missing(bare) == ["a docstring"]


# Examples.


def modules():
    """Yield the names of all modules of the package, but for those that run when they are imported."""
    for found in pkgutil.walk_packages(anynet.__path__, "anynet."):
        if not found.name.endswith("__main__"):
            yield found.name


LOAD_MNIST = "anynet.datasets.mnist"


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name == LOAD_MNIST)) for name in ["anynet", *modules()]]
)
def test_the_examples_of_the_docstrings_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def is_front(name):
    """Return whether a module only hands on what others hold, whose examples stand there."""
    return name in ("anynet", "anynet.layers", "anynet.datasets")


def test_there_are_examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    shown = {name: [test for test in finder.find(importlib.import_module(name)) if test.examples] for name in modules()}
    assert [name for name in PUBLIC if not shown.get(name, True) and not is_front(name)] == []


def blocks():
    """Return the Python blocks of the README, in their order."""
    return re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def few(data, n=200):
    return datasets.Dataset(data.x[:n], data.y[:n], data.class_names)


def test_the_readme_runs_as_it_stands(tmp_path, monkeypatch, capsys):
    """Block after block, as one session; on a few of the images, and on NumPy where a library is not here."""
    images, pairs = datasets.mnist(), [list(part)[:200] for part in datasets.load_data_wrapper()]
    monkeypatch.setattr(datasets, "mnist", lambda *args, **keywords: tuple(map(few, images)))
    monkeypatch.setattr(datasets, "load_data_wrapper", lambda *args, **keywords: pairs)
    monkeypatch.chdir(tmp_path)
    session, found = {}, blocks()
    assert found
    for block in found:
        for name, reason in anynet.backends.available().items():
            if reason is not None:
                block = block.replace(f'backend="{name}"', 'backend="numpy"').replace(f'to("{name}")', 'to("numpy")')
        exec(compile(block, str(README), "exec"), session)
    assert isinstance(session["net"], anynet.Network)
    assert "Epoch 0: " in capsys.readouterr().out


@pytest.mark.slow
def test_the_readmes_test_without_a_gpu_finds_what_mixes_devices(tmp_path):
    """As a file of a maintainer's own; with an array of NumPy's it fails, and with its function it is no formula."""
    (recipe,) = (block for block in blocks() if "def test_" in block)
    assert len([line for line in recipe.splitlines() if line]) <= 10
    outcomes = []
    own = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}  # of this suite's run
    mixed = recipe.replace("xp, z: z / (1", "xp, z, one=__import__('numpy').ones(3, 'float32'): z / (one")
    for block in (recipe, mixed, recipe.replace("xp.exp", "__import__('numpy').exp")):
        (tmp_path / "test_mine.py").write_text(block)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py"]
        done = subprocess.run(command, cwd=tmp_path, env=own, capture_output=True, text=True, check=False)
        outcomes.append((done.returncode, re.findall(r"\d (?:passed|failed|error)", done.stdout)[-1]))
    assert outcomes == [(0, "1 passed"), (1, "1 failed"), (2, "1 error")]


def test_help_lists_what_exists():
    """`help(anynet.Network)` and the module's names need no library beyond NumPy."""
    code = "import sys, anynet; dir(anynet); anynet.Network; print({'torch', 'jax', 'cupy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
