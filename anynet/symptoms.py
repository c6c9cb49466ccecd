"""Symptoms of a network that does not learn, each with its cure.

They are looked for in a few hundred examples, after the first epoch and the last, and read
where training waits for the device anyway:

* Inputs are large if their root mean square exceeds `LARGE`, and uneven if of the features
  that are mostly not 0 one varies `UNEVEN` times as widely as another. Pixels, standardised
  features and counts of words are neither. Inputs in the host's memory are looked at before
  the first epoch.
* Outputs are the same if none differs, from example to example, by `SAME` of what its target
  does; or by `STUCK` of it, if all lie within `AT_ENDS` of what their activation reaches, or if
  training ends so after `MANY_STEPS`: a deep network may take a while to begin.
* A layer is silent if `SILENT` of its units, or more, output 0 for every example.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace

from anynet import backprop, data
from anynet.architecture import Architecture
from anynet.checks import warn
from anynet.evaluation import Learnt, Trained
from anynet.layers import Standardize
from anynet.optimizers import Optimizer
from anynet.typing import Array, Namespace

MOST_ROWS = 256  # enough to tell, and no work beside an epoch
FEWEST = 10  # examples; fewer of chance's numbers may vary by next to nothing

LARGE = 20.0
UNEVEN = 1000.0
STUCK = 0.02
AT_ENDS = 0.01
SAME = 1e-5
MANY_STEPS = 1000
SILENT = 0.9

STANDARDISE = (
    "A network hardly learns from them. Let its first layer bring them to one: Network([n, Standardize(), ...]); "
    "Standardize is a layer of anynet, and learns their means and standard deviations by itself."
)
STANDARDISE_FIRST = "Let Standardize() be its first layer"
WITH_HE_NORMAL = 'with initializer="he_normal", and take a smaller learning rate'
_TEXTS = {
    "large": "x: expected inputs of about 1 in size, got {size:.3g} (root mean square). " + STANDARDISE,
    "uneven": "x: expected features of one scale, got some that vary by {narrowest:.2g} and some by {widest:.2g}. "
    + STANDARDISE,
    "same": "outputs: expected ones that differ from example to example, got the same for all of them, or nearly so: "
    f"the network is stuck. {STANDARDISE_FIRST} if the inputs are not of one scale, start from a new network, and "
    "take a smaller learning rate; here the optimizer is {optimizer}.",
    "silent": "layer {layer}: expected units that fire, got {share:.0%} of them that output 0 for every example that "
    "was looked at, and learn no more. Start from a new network " + WITH_HE_NORMAL + "; here the optimizer is "
    "{optimizer}.",
}


@dataclass(frozen=True)
class Symptoms:
    """What is looked for, in one array: three numbers of the inputs, two of the outputs, one per hidden activation."""

    architecture: Architecture
    dtype: str

    def __call__(self, xp: Namespace, learnt: Learnt, x: Array, targets: Array) -> Array:
        stages = self.architecture.stages
        x = data.inputs(xp, x, self.dtype)
        made = [a for _, a, _, _ in backprop.forward(xp, stages, *learnt, x)]
        hidden = [a for a, (_, f) in zip(made[:-1], stages[:-1], strict=True) if f is not None]
        lowest, highest = self.architecture.reach
        from_ends = xp.max(xp.minimum(made[-1] - lowest, highest - made[-1]))
        difference = _difference(xp, x, made[-1], targets)
        return xp.stack([*_scales(xp, x), difference, from_ends, *(_silence(xp, a) for a in hidden)])


def _scales(xp: Namespace, x: Array) -> tuple[Array, Array, Array]:
    """Return the root mean square of x (n, ...), and by how much its features vary, the narrowest and the widest."""
    size = xp.maximum(xp.max(xp.abs(x)), 1e-36)
    a = xp.reshape(x, (x.shape[0], -1)) / size  # so that no square overflows
    varies = xp.max(a, axis=0) - xp.min(a, axis=0)
    is_told = (xp.mean(xp.astype(a != 0.0, a.dtype), axis=0) > 0.5) & (varies > 0.0)
    narrowest, widest = xp.min(xp.where(is_told, varies, 2.0)), xp.max(xp.where(is_told, varies, 0.0))
    return size * xp.sqrt(xp.mean(a * a)), size * narrowest, size * widest


def _difference(xp: Namespace, x: Array, outputs: Array, targets: Array) -> Array:
    """Return by how much outputs differ at most, as a share of what targets do; 1 where these, or inputs, do not."""
    differ, wanted = (xp.max(a, axis=0) - xp.min(a, axis=0) for a in (outputs, targets))
    is_asked = (wanted > 0.0) & xp.any(x != x[:1, ...])
    share = xp.max(xp.where(is_asked, differ / xp.where(is_asked, wanted, 1.0), 0.0))
    return xp.where(xp.any(is_asked), share, xp.ones_like(share))


def _silence(xp: Namespace, a: Array) -> Array:
    """Return the share of a layer's units, (n, ..., units), that output 0 for all examples."""
    fires = xp.any(xp.reshape(a, (-1, a.shape[-1])) != 0.0, axis=0)
    return 1.0 - xp.mean(xp.astype(fires, a.dtype))


def look(net: Trained, x: Array, y: Array) -> Array:
    """Return what `Symptoms` are found in examples on the device, whose y are labels or targets."""
    backend, n = net.backend, x.shape[0]
    if backend.padded_rows(n) != n:  # one program for all data sets that are small: examples seen twice change nothing
        rows = backend.asarray([i % n for i in range(MOST_ROWS)])
        x, y = (backend.xp.take(a, rows, axis=0) for a in (x, y))
    targets = data.targets(backend.xp, y, net.architecture.n_out, backend.dtype, backend.device)
    return net.ask(Symptoms)(net.learnt, x, targets)


class Doctor:
    """Warns of each symptom once in a training.

    Args:
        architecture: Of the network that is trained.
        optimizer: By which it learns.
        n: How many examples there are.
    """

    def __init__(self, architecture: Architecture, optimizer: Optimizer, n: int) -> None:
        self._stages, self._optimizer, self._n = architecture.stages, optimizer, n
        self._said: set[str] = set()
        if isinstance(architecture.layers[0], Standardize):
            self.trust_inputs()

    def judge_inputs(self, x: Array) -> None:
        """Warn if host inputs (n, ...) are large or uneven; some of them will do."""
        xp = array_namespace(x)
        if x.dtype != xp.uint8:  # which means pixels
            rows = x[:: max(1, x.shape[0] // MOST_ROWS), ...]
            self._judge_scales(*map(float, _scales(xp, xp.astype(rows, xp.float64))))
        self.trust_inputs()

    def trust_inputs(self) -> None:
        """Say no more of the inputs."""
        self._said |= {"large", "uneven"}

    def judge(self, found: Sequence[float], n_steps: int, is_last: bool) -> None:
        """Warn of what was found after an epoch, so many steps into the training."""
        size, narrowest, widest, difference, from_ends, *silences = found
        self._judge_scales(size, narrowest, widest)
        is_stuck = from_ends < AT_ENDS or (is_last and n_steps >= MANY_STEPS)
        if difference < SAME or (difference < STUCK and is_stuck):
            self._warn("same", optimizer=self._optimizer)
        layers = [l for l, (_, f) in enumerate(self._stages[:-1], 1) if f is not None]
        for layer, share in zip(layers, silences, strict=True):
            if round(share, 3) >= SILENT:  # of float32
                self._warn("silent", layer=layer, share=share, optimizer=self._optimizer)

    def _judge_scales(self, size: float, narrowest: float, widest: float) -> None:
        if size > LARGE:
            self._warn("large", size=size)
            self.trust_inputs()
        elif widest > UNEVEN * narrowest and self._n >= FEWEST:
            self._warn("uneven", narrowest=narrowest, widest=widest)

    def _warn(self, symptom: str, **found: Any) -> None:
        if symptom not in self._said:
            self._said.add(symptom)
            warn(_TEXTS[symptom].format(**found))
