"""Live weights and biases: a network's own arrays on NumPy, written in place as the books' readers do.

`net.weights[0][2, 5] += 0.01` and `net.weights[0] = w` both act. On other libraries, whose arrays NumPy cannot write
into, they are read-only copies, and assigning to `net.weights` acts.
"""

from collections.abc import Sequence
from operator import is_not
from typing import Any

from anynet import network
from anynet.backends import is_on_host
from anynet.brain import Brain
from anynet.parameters import as_column, field_of
from anynet.typing import ArrayLike, HostArray, TrainState


def _live(name: str) -> Any:
    """Return the property of a field of each layer's parameters, weights say: the arrays themselves, in a list."""
    copies: Any = getattr(Brain, name)

    def read(net: "LiveNetwork") -> Sequence[HostArray]:
        learnt, shown = net.train_state.parameters, net.shown
        if name not in shown:
            arrays = field_of(learnt, name)
            if not all(map(is_on_host, arrays)):
                return copies.fget(net)  # type: ignore[no-any-return]
            arrays = [as_column(a) for a in arrays] if name == "biases" else arrays  # views: what is written acts
            shown[name] = list(arrays), arrays
        return shown[name][0]

    def assign(net: "LiveNetwork", new: Sequence[ArrayLike]) -> None:
        copies.fset(net, new)

    return property(read, assign, doc=copies.__doc__)


class LiveNetwork(network.Network):
    """A network whose weights and biases, on NumPy, are those that it computes with."""

    weights = _live("weights")
    biases = _live("biases")

    @property
    def shown(self) -> dict[str, tuple[list[HostArray], list[HostArray]]]:
        """By field the list that was handed out, and what it held then."""
        found: dict[str, Any] = self.__dict__.setdefault("_shown", {})
        return found

    @property
    def train_state(self) -> TrainState:
        """What a step changes, with what was put into the lists of weights and biases since they were handed out."""
        for name, (now, then) in list(self.shown.items()):
            if len(now) != len(then) or any(map(is_not, now, then)):
                del self.shown[name]  # what does not fit is refused once, and the network is as it was
                getattr(type(self), name).fset(self, now)
                now[:] = getattr(self, name)
                self.shown[name] = now, list(now)
        held: TrainState = self.__dict__["train_state"]
        return held

    @train_state.setter
    def train_state(self, new: TrainState) -> None:
        self.__dict__.update(train_state=new, _shown={})

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_shown"}
