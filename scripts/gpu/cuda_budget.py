"""Print what training costs a CUDA device, as Markdown tables: per network, and per kind of layer.

Counted, not timed, on the emulated device of the tests; needs the extra `emulated-cuda` and g++, and no GPU.

    PYTHONPATH=tests/tools python scripts/gpu/cuda_budget.py
"""

import cuda_cost
import emulated

from anynet import Conv2D, MaxPool2D, Network

NETWORKS = [
    ([784, 30, 10], {}),
    ([784, 100, 10], {"output": "softmax"}),
    ([784, 512, 512, 10], {}),
    ([784, 512, 512, 10], {"hidden": "relu", "output": "softmax"}),
]
LENET = [(28, 28, 1), Conv2D(20, 5), MaxPool2D(2), Conv2D(40, 5), MaxPool2D(2), 100, 10]
LAYERS = {  # a network without one more layer of the kind, and with it
    "`Dense`, sigmoid": ([784, 30, 10], [784, 30, 30, 10], {}),
    "`Dense`, tanh": ([784, 30, 10], [784, 30, 30, 10], {"hidden": "tanh"}),
    "`Dense`, ReLU": ([784, 30, 10], [784, 30, 30, 10], {"hidden": "relu"}),
}


def print_networks() -> None:
    print("| network | launches per step | matrix products per step | copies per step | synchronisations per epoch |")
    print("|---|---|---|---|---|")
    for sizes, keywords in NETWORKS:
        net = Network(sizes, backend="cupy", **keywords)
        step, epoch = cuda_cost.of_step(net), cuda_cost.of_epoch(net)
        name = ", ".join([f"`{sizes}`", *keywords.values()])
        print(f"| {name} | {step.launches:g} | {step.products:g} | {step.copies:g} | {epoch.synchronisations:g} |")


def print_lenet() -> None:
    print("| LeNet, mini-batches of | launches per step | matrix products per step |")
    print("|---|---|---|")
    for size in (10, 20):
        step = cuda_cost.of_step(Network(LENET, "cupy", hidden="relu", output="softmax"), 1, batch_size=size)
        print(f"| {size} | {step.launches:g} | {step.products:g} |")


def print_layers() -> None:
    print("| one more layer | launches per step | matrix products per step |")
    print("|---|---|---|")
    for name, (without, with_it, keywords) in LAYERS.items():
        few, more = (cuda_cost.of_step(Network(sizes, "cupy", **keywords)) for sizes in (without, with_it))
        print(f"| {name} | {(more - few).launches:g} | {(more - few).products:g} |")


def main() -> None:
    emulated.install("scripts/gpu/cuda_budget.py")
    print_networks()
    print()
    print_lenet()
    print()
    print_layers()


if __name__ == "__main__":
    main()
