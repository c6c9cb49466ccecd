"""The brain: a network as what it is made of and has learnt, looked at, moved, saved and loaded.

Whatever is assigned to it acts. What is settled when a network is made, or belongs to a
call, is refused as an attribute, with the place where it belongs.
"""

from collections.abc import Sequence
from copy import deepcopy
from math import prod
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO, Self, overload

from anynet import backends, notebook, parameters, random, saving
from anynet.architecture import Architecture
from anynet.backends import Backend
from anynet.checks import as_code, names_of_classes, path_shown, warn
from anynet.formats import pictures
from anynet.formats.bounded import MAX_BYTES
from anynet.formats.columns import Columns, checked
from anynet.formats.pictures import Pictures
from anynet.history import History
from anynet.parameters import as_column
from anynet.pixels import SCALES
from anynet.random import Streams
from anynet.resuming import Learnt
from anynet.saving import SavedNetwork
from anynet.trees import map_arrays
from anynet.typing import ArrayLike, DeviceLike, HostArray, TrainState

_MAKE = "Make a network of it: Network(sizes, {name}=...)"
_FIT = "Hand it to a training: fit(x, y, {name}=...)"
# What no network has as an attribute of its own, and what to do instead. A subclass that defines one may assign it.
_NO_ATTRIBUTES = {
    name: cure
    for names, cure in (
        ("sizes layers shapes cost task architecture num_layers book_learning_rate", _MAKE),
        ("hidden_activation output_activation hidden output initializer seed", _MAKE),
        (
            "activation activation_function loss",
            "Make a network of it: Network(sizes, output=..., cost=...)",
        ),
        ("backend device dtype", "Move the network: net.to(backend, device=..., dtype=...)"),
        ("epochs batch_size optimizer validation memory_limit threads", _FIT),
        ("mini_batch_size", "Hand it to a training: fit(x, y, batch_size=...)"),
        ("learning_rate eta lr", "Hand it to a training: fit(x, y, optimizer=SGD({name}))"),
        ("parameters state", "Assign to net.weights and net.biases"),
    )
    for name in names.split()
}


def made_of(
    architecture: Architecture,
    backend: Backend,
    train_state: TrainState,
    streams: Streams,
    class_names: tuple[str, ...] | None = None,
    input_scale: str | None = None,
    is_column: bool = False,
    columns: Columns | None = None,
    pictures: Pictures | None = None,
) -> dict[str, Any]:
    """Return all that a network holds, by name."""
    return locals() | {"history": History(), "learnt": None}


def _field(name: str, doc: str) -> Any:
    """Return the property of a field of each layer's parameters, read and assigned as NumPy arrays."""

    def read(net: "Brain") -> tuple[HostArray, ...]:
        arrays = map(net.backend.to_numpy, parameters.field_of(net.parameters, name))
        return parameters.read_only(map(as_column, arrays) if name == "biases" else arrays)

    def assign(net: "Brain", new: Sequence[ArrayLike]) -> None:
        assigned = parameters.with_field(net.parameters, name, new, net.backend.copy_to_device, net.sizes)
        net.train_state = net.train_state._replace(parameters=assigned)

    return property(read, assign, doc=doc)


class Brain:
    """What a network is made of and has learnt: all of it but the journeys."""

    architecture: Architecture
    backend: Backend
    train_state: TrainState
    streams: Streams
    class_names: tuple[str, ...] | None
    input_scale: str | None = None  # of what it has learnt from, as in `pixels.scale_of`; kept from then on
    is_column: bool = (
        False  # whether y came as (n, 1): then the values of a regression with one output are predicted so
    )
    columns: Columns | None = None  # of the table that it has learnt from, if it was one
    pictures: Pictures | None = None  # what was done to those that it has learnt from, if they were some
    history: History  # of the last `fit`
    learnt: Learnt | None = None  # how far the optimizer has come, by which `partial_fit` goes on

    parameters = property(attrgetter("train_state.parameters"), doc="What gradients move: a named tuple per layer.")
    state = property(attrgetter("train_state.state"), doc="What the layers carry that no gradient moves.")
    layers = property(attrgetter("architecture.layers"), doc="The layers, activations and initializers filled in.")
    shapes = property(attrgetter("architecture.shapes"), doc="Of one example, and of what each layer makes of it.")
    cost = property(attrgetter("architecture.cost"), doc="The `Cost`; None for a network that cannot learn.")
    task = property(attrgetter("architecture.task"), doc="What `predict` returns: a name of `metrics.TASKS`.")
    sizes = property(
        lambda net: list(net.architecture.sizes), doc="How many values go in, and come out of each layer; a copy."
    )
    book_learning_rate = property(attrgetter("architecture.book_learning_rate"), doc="Of its cost (chapters 1 and 3).")
    num_layers = property(lambda net: len(net.shapes), doc="The number of layers, the input counted.")

    weights = _field(
        "weights",
        "Of each layer that has some, (n_out, n_in), or kernels (filters, rows, columns, channels): read-only NumPy "
        "copies; assigning copies in.",
    )
    biases = _field(
        "biases", "Of each layer that has some, columns (n_out, 1): read-only NumPy copies; assigning copies in."
    )

    def __setattr__(self, name: str, value: Any) -> None:
        kind = getattr(type(self), name, None)
        if name in _NO_ATTRIBUTES and (kind is None or kind is getattr(Brain, name, None)):
            raise AttributeError(
                f"{name}: expected an attribute that acts, got one that does not: it is settled when a network is "
                f"made, or belongs to a call. {_NO_ATTRIBUTES[name].format(name=name)}."
            )
        if name == "class_names":  # a file with others could not be opened
            value = names_of_classes(value, self.architecture.n_classes)
        if name == "columns":
            value = checked(value, prod(self.architecture.input_shape))
        if name == "pictures":
            value = pictures.checked(value, prod(self.architecture.input_shape))
        if name == "input_scale" and not (value is None or (isinstance(value, str) and value in SCALES)):
            raise ValueError(f"input_scale: expected {' or '.join(SCALES)}, or None, got {as_code(value)}.")
        if name == "is_column" and not isinstance(value, bool):
            raise TypeError(f"is_column: expected True or False, got {as_code(value)}.")
        super().__setattr__(name, value)

    def to(self, backend: str | Backend, device: DeviceLike = None, dtype: str | None = None) -> Self:
        """Return a copy of the network on another backend, its streams as they stand.

        Args:
            backend: As in the constructor.
            device: Likewise.
            dtype: Likewise; None keeps the network's.
        """
        chosen = backends.get(backend, device, dtype or self.backend.dtype)
        moved = object.__new__(type(self))
        moved.__setstate__(self.__getstate__() | {"backend": chosen, "streams": deepcopy(self.streams)})
        return moved

    def with_outputs(self, n: int, seed: int | None = 0) -> Self:
        """Return a copy of the network whose last layer is new and has n outputs: to learn other classes from there.

        With `fit(..., freeze=range(1, len(net.layers)))` what it has learnt stays, and the last layer alone learns.

        Args:
            n: How many outputs there are.
            seed: What the last layer is drawn from, and training draws from here on.

        Raises:
            ValueError: The last layer is no Dense, or n below 1.
            TypeError: n is no whole number.

        Example:
            >>> from anynet import Network
            >>> Network([4, 3, 2]).with_outputs(5).sizes
            [4, 3, 5]
        """
        architecture, streams = self.architecture.with_outputs(n), random.spawn(seed)
        parameters, state = architecture.initialize(streams.initial)
        kept = self.__getstate__()["train_state"]
        start = TrainState([*kept.parameters[:-1], parameters[-1]], [*kept.state[:-1], state[-1]], ())
        changed = object.__new__(type(self))
        made = made_of(architecture, self.backend, start, streams, input_scale=self.input_scale)
        changed.__setstate__(made | {"columns": self.columns, "pictures": self.pictures})
        return changed

    def summary(self) -> str:
        """Return the layers, the shapes of their outputs and their parameters as a table."""
        return notebook.Shown(f"{self.architecture.table()}\n{self._in_all}")

    def __repr__(self) -> str:
        return f"<Network {self.sizes} on {self.backend.label}, {self.backend.dtype}>"

    def _repr_html_(self) -> str:
        return notebook.table(self.architecture.rows(), self._in_all)

    @property
    def _in_all(self) -> str:
        count = f"{parameters.count(self.parameters):,} parameters of {self.backend.dtype} on {self.backend.label}"
        return f"{count}, cost {self.architecture.cost_name}"

    def load_weights(self, path: str | Path | BinaryIO, max_bytes: int = MAX_BYTES) -> None:
        """Take over the weights and biases in a file, and nothing else of it.

        Args:
            path: Any file that `load` opens; the sizes must be the same.
            max_bytes: As in `load`.
        """
        saved, before = saving.read(path, max_bytes, self.backend.dtype), self.train_state
        try:
            self.weights = parameters.field_of(saved.parameters, "weights")
            self.biases = parameters.field_of(saved.parameters, "biases")
        except (ValueError, MemoryError) as error:  # out of memory between the two, say
            self.train_state = before
            raise type(error)(f"{path_shown(getattr(path, 'name', path))}: {error}") from None

    @overload
    def save(self, path: str | Path) -> Path: ...

    @overload
    def save(self, path: BinaryIO) -> None: ...

    def save(self, path: str | Path | BinaryIO) -> Path | None:
        """Write the network to an `.npz` file, atomically, and return its path.

        For `np.load` it holds sizes `s`, weights `w1`, ..., biases `b1`, ..., and a JSON `header`.

        Args:
            path: The file; ".npz" is added to a name that lacks it. Of a symbolic link the target is replaced. What
                is replaced keeps its permissions, but not its owner, nor bits such as set-user-ID; other hard links
                to it keep what they held. Or one that is open for writing bytes, into which it is written as it
                stands.

        Raises:
            OSError: It cannot be written; what was there is then still there.
            ValueError: The network holds a formula of your own, which no file can bring along; or at the path is
                a pipe or a device.
            TypeError: The file was opened for text.
        """
        parameters, state, _ = map_arrays(self.backend.to_numpy, self.train_state)
        made_of = self.architecture, self.backend.dtype, self.class_names, parameters, state
        saved = SavedNetwork(*made_of, self.input_scale, self.is_column, self.columns, self.pictures)
        if not hasattr(path, "write"):
            return saving.write(path, saved)
        saving.write_into(path, saved)
        return None

    @classmethod
    def load(
        cls,
        path: str | Path | BinaryIO,
        backend: str | Backend = "numpy",
        device: DeviceLike = None,
        dtype: str | None = None,
        max_bytes: int = MAX_BYTES,
        seed: int | None = None,
    ) -> Self:
        """Return the network in a file. No file is trusted, and nothing is unpickled.

        Args:
            path: What `save` wrote, ".npz" or not, or `np.savez` by hand from the book's network;
                network2's JSON (Nielsen); sample_weight.pkl (Saito).
            backend: As in the constructor.
            device: Likewise.
            dtype: Likewise; None is the file's.
            max_bytes: At most so much is unpacked of other programs' files; 512 MiB.
            seed: Of what training draws from here on, the orders of examples say; None is
                chance, so that to load, fit and save once more repeats nothing.

        Raises:
            OSError: The file cannot be read.
            ValueError: It holds no network.
        """
        streams = random.spawn(seed)
        saved = saving.read(path, max_bytes, backend.dtype if isinstance(backend, Backend) else dtype)
        if saved.assumption:
            warn(f"{path_shown(getattr(path, 'name', path) if hasattr(path, 'read') else path)}: {saved.assumption}.")
        chosen, start = backends.get(backend, device, saved.dtype), TrainState(saved.parameters, saved.state, ())
        net = object.__new__(cls)
        told = saved.class_names, saved.input_scale, saved.is_column, saved.columns, saved.pictures
        net.__setstate__(made_of(saved.architecture, chosen, start, streams, *told))
        return net

    def __getstate__(self) -> dict[str, Any]:  # as NumPy arrays: not every library's can be pickled
        return self.__dict__ | {"train_state": map_arrays(self.backend.to_numpy, self.train_state)}

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        self.__dict__.update(attributes)
        self.streams = random.completed(self.streams)
        self.train_state = map_arrays(self.backend.placed, self.train_state)
