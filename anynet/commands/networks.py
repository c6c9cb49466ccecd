"""Which network a command trains: by its options, and as the data ask for it."""

import argparse
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from anynet.activations import ACTIVATIONS
from anynet.backends import DTYPES
from anynet.checks import number_in
from anynet.commands import options
from anynet.commands.data import Asked
from anynet.commands.errors import UsageError
from anynet.commands.layer_texts import EXAMPLE, GRAMMAR, layers_of
from anynet.costs import COSTS
from anynet.datasets import Dataset
from anynet.layers import Dropout, Standardize
from anynet.network import Network

HIDDEN = "sigmoid"  # the activation of hidden layers, if no other is asked for


def add_network(add: Callable[..., Any]) -> None:
    """Add the options of which a network is made."""
    hidden = ", ".join(name for name, f in ACTIVATIONS.items() if not f.is_for_outputs_only)
    costs = " or ".join(each(cost.name for cost in COSTS.values()))
    add("--sizes", type=options.whole, nargs="+", metavar="N", help="inputs, then neurons of each layer (784 30 10)")
    given = f"hidden layers instead, such as {EXAMPLE!r}, where an activation may end an item; the kinds are: {GRAMMAR}"
    add("--layers", metavar="TEXT", help=given)
    scale = "let a first layer bring inputs to one scale: their means and deviations are those of the training data"
    options.add_switch(add, "--standardize", scale)
    add(
        "--dropout",
        type=options.number,
        metavar="RATE",
        help="share of each hidden layer that a step leaves out (none)",
    )
    add("--hidden-activation", default=HIDDEN, metavar="NAME", help=f"{hidden} ({HIDDEN})")
    outputs = ", ".join(each(cost.output for cost in COSTS.values()))
    last = f"of the last layer: {outputs} (sigmoid; identity for values)"
    add("--output-activation", metavar="NAME", help=last)
    add("--cost", metavar="NAME", help=f"{costs}; by default what suits the output")
    add("--dtype", default="float32", metavar="NAME", help=f"{' or '.join(DTYPES)} (float32)")
    add(
        "--seed",
        type=options.whole,
        default=0,
        metavar="N",
        help="of initial values and order; as many --threads, the same bits (0)",
    )


def each(names: Iterable[str]) -> list[str]:
    """Return the names in their order, each once."""
    return list(dict.fromkeys(names))


def network_of(arguments: argparse.Namespace, train: Dataset, asked: Asked) -> Network:
    """Return a network before training, of the sizes or layers that were given, or that suit the data."""
    layers = _sized(arguments, train, asked) if arguments.layers is None else _listed(arguments, train, asked)
    return Network(
        layers,
        arguments.backend,
        arguments.device,
        arguments.dtype,
        arguments.seed,
        hidden_activation=arguments.hidden_activation,
        output_activation=asked.output_activation,
        cost=arguments.cost,
        task=asked.task,
    )


def _listed(arguments: argparse.Namespace, train: Dataset, asked: Asked) -> list[Any]:
    """Return the input and the layers that `--layers` lists, and that of the outputs."""
    for name, cure in (
        ("sizes", "Leave one of them out"),
        ("standardize", "Write standardize as an item of it"),
        ("dropout", "Write dropout as an item of it"),
    ):
        if getattr(arguments, name) not in (None, False):
            raise UsageError(f"--layers: expected no --{name} beside it, got both. {cure}.")
    return [*layers_of(arguments.layers, train.x.shape[1:]), asked.n_outputs]


def _sized(arguments: argparse.Namespace, train: Dataset, asked: Asked) -> list[Any]:
    """Return the input and the layers by their sizes."""
    suitable = [math.prod(train.x.shape[1:]), 30, asked.n_outputs]
    if arguments.dropout is not None:
        number_in("dropout", arguments.dropout, "a rate from 0 to below 1", lambda rate: 0 <= rate < 1)
    if arguments.sizes:
        _check_sizes(arguments.sizes, suitable, train.y.ndim == 1)
    n_in, *hidden, n_out = arguments.sizes or suitable
    if arguments.dropout is not None and not hidden:
        raise UsageError("--dropout: expected a hidden layer to leave some of out, got none. Leave the option out.")
    if arguments.hidden_activation != HIDDEN and not hidden:
        raise UsageError("--hidden-activation: expected a hidden layer, got none. Leave the option out.")
    layers: list[Any] = [Standardize()] if arguments.standardize else []
    for size in hidden:
        layers += [size] if arguments.dropout is None else [size, Dropout(arguments.dropout)]
    return [n_in if train.pictures is None else train.x.shape[1:], *layers, n_out]


def _check_sizes(sizes: Sequence[int], suitable: Sequence[int], may_have_one_output: bool) -> None:
    """Check that a network of these sizes takes the data, and has an output for each of what y asks for."""
    if min(sizes) < 1:
        raise UsageError(f"--sizes: expected whole numbers, at least 1 neuron in each layer, got {min(sizes)}.")
    if len(sizes) < 2:
        raise UsageError(f"--sizes: expected an input and at least one layer, got {sizes[0]} alone.")
    if sizes[0] != suitable[0]:
        raise UsageError(f"--sizes: expected {suitable[0]} first, for so many numbers has an example, got {sizes[0]}.")
    allowed = {suitable[-1], 1} if suitable[-1] == 2 and may_have_one_output else {suitable[-1]}
    if sizes[-1] not in allowed:
        raise UsageError(f"--sizes: expected {suitable[-1]} last, an output for each of what y asks, got {sizes[-1]}.")
