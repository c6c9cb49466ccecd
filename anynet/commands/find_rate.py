"""`anynet find-rate`: try learning rates on a network as `train` would make it, and suggest one."""

import argparse

from anynet.commands import networks, options
from anynet.commands.data import Asked, add_data, add_pictures, training_data
from anynet.commands.terminal import say
from anynet.optimizers import OPTIMIZERS


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command: those of `train` that a rate depends on."""
    parser.description = (
        "Try learning rates from 1e-6 to 10, a mini-batch each, and suggest one for anynet train with the same "
        "options. Nothing is written. Defaults stand in parentheses."
    )
    data = parser.add_argument_group("data")
    add_data(data, "MNIST")
    add_pictures(data)
    options.add_names(data)
    networks.add_network(parser.add_argument_group("network").add_argument)
    add = parser.add_argument_group("training").add_argument
    add("--batch-size", type=options.whole, metavar="N", help="examples in a mini-batch (10)")
    suits = "sgd for sigmoid throughout, or for values; else adam"
    add("--optimizer", metavar="NAME", help=f"{', '.join(OPTIMIZERS)}; by default what suits: {suits}")
    options.add_backend(parser.add_argument_group("where it computes"))
    parser.set_defaults(validation_fraction=None, early_stopping=None)


def run(arguments: argparse.Namespace) -> None:
    """Print the rate that is suggested."""
    data = training_data(arguments)
    net = networks.network_of(arguments, data.train, data.asked or Asked(1))
    suits = "sgd" if net.task == "regression" else None
    with options.threads(arguments.threads, net.backend):
        found = net.find_learning_rate(
            data.train, batch_size=arguments.batch_size, optimizer=arguments.optimizer or suits
        )
    say(str(found))
