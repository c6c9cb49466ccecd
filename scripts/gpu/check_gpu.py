"""Check anynet on a real GPU, and print a report to paste into an issue.

    python scripts/gpu/check_gpu.py

prints, as Markdown, what is installed, whether training on CuPy gives the numbers that it gives on NumPy, and how long
a step takes on both. Exits with status 1 if something is wrong. A minute or two; `--small` is a few seconds.
"""

import argparse
import math
import platform
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import anynet
from anynet import SGD, Network, backends

BARS = {"float64": 1e-10, "float32": 1e-4}  # the largest relative difference of the weights
NETWORKS = [
    ([784, 30, 10], {}),
    ([784, 100, 10], {"output": "softmax"}),
    ([784, 64, 64, 10], {"hidden": "tanh", "output": "softmax"}),
]
TIMED = [  # sizes, batch size
    ([784, 30, 10], 10),
    ([784, 30, 10], 1000),
    ([784, 512, 512, 10], 100),
    ([784, 2048, 2048, 10], 1000),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", type=int, default=0, help="index of the GPU (default: 0)")
    parser.add_argument("--small", action="store_true", help="fewer steps, and only the first row of the timings")
    options = parser.parse_args()

    print(f"## anynet {anynet.__version__} on a GPU\n")
    if not print_rungs():
        return 1
    try:
        backends.get("cupy", options.device)
    except ValueError as error:
        parser.error(str(error))
    print_versions(options.device)
    good = print_checks(options.device, steps=50 if options.small else 200)
    print_timings(options.device, TIMED[:1] if options.small else TIMED, steps=10 if options.small else 100)
    print("\nThe whole suite on this device: `ANYNET_REQUIRE_GPU=1 ANYNET_REQUIRE_BACKENDS=cupy pytest`")
    return 0 if good else 1


def print_rungs():
    rungs = backends.diagnose_cupy()
    for rung, reason in rungs:
        print(f"* {rung}: {reason or 'works'}")
    print()
    return rungs[-1][1] is None


def print_versions(device):
    import cupy

    runtime = cupy.cuda.runtime
    properties = runtime.getDeviceProperties(device)
    name = properties["name"].decode()
    found = {
        "device": f"{name}, {properties['totalGlobalMem'] / 2**30:.0f} GiB, compute capability "
        f"{properties['major']}.{properties['minor']}, one of {runtime.getDeviceCount()}",
        "driver supports CUDA": dotted(runtime.driverGetVersion()),
        "CUDA runtime": dotted(runtime.runtimeGetVersion()),
        "CuPy": cupy.__version__,
        "NumPy": np.__version__,
        "Python": f"{platform.python_version()} on {platform.platform()}",
    }
    print("| what | version |\n|---|---|")
    for what, version in found.items():
        print(f"| {what} | {version} |")
    if "Emulated" in name:
        print("\nExercised through CuPy's own dispatch on an emulated device, not yet run on a physical GPU.")


def dotted(version):
    """Return CUDA's number of a version, such as 12090, as it is written: 12.9."""
    return f"{version // 1000}.{version % 1000 // 10}"


def examples(n):
    """Return n images that are noise around one pattern per label, and their labels."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, n)
    return (rng.random((10, 784))[y] * 0.7 + rng.random((n, 784)) * 0.3).astype("float32"), y


def print_checks(device, steps):
    print(f"\n| check ({steps} steps, batches of 10) | dtype | difference | allowed | |\n|---|---|---|---|---|")
    good = True
    for sizes, keywords in NETWORKS:
        for dtype, bar in BARS.items():
            difference, verdict = compared(sizes, keywords, dtype, device, steps)
            good = good and verdict == "ok"
            name = ", ".join([f"`{sizes}`", *keywords.values()])
            print(f"| {name} | {dtype} | {difference:.1e} | {bar:.0e} | {verdict} |")
    return good


def compared(sizes, keywords, dtype, device, steps):
    """Return how far the weights of CuPy are from NumPy's, and "ok" or what is wrong."""
    try:
        on_numpy = trained(Network(sizes, dtype=dtype, **keywords), steps)
        on_cupy = trained(Network(sizes, "cupy", device, dtype, **keywords), steps)
        difference = largest_difference(on_cupy, on_numpy)
        if difference > BARS[dtype]:
            return difference, "**FAILED**: the weights differ"
        return difference, "ok" if crosses_over(on_cupy, device) else "**FAILED**: its copies answer otherwise"
    except Exception as error:  # part of the report, like any other result
        return math.nan, f"**FAILED**: {type(error).__name__}: {error}"


def trained(net, steps):
    net.fit(examples(10 * steps), epochs=1, batch_size=10, optimizer=SGD(0.1), progress=False)
    return net


def largest_difference(net, other):
    """Return the largest difference of two networks' parameters, relative to the largest number of each array."""
    pairs = zip(net.weights + net.biases, other.weights + other.biases, strict=True)
    return max(float(np.max(np.abs(a - b)) / np.max(np.abs(b))) for a, b in pairs)


def crosses_over(net, device):
    """Tell whether the network answers the same after a journey to NumPy, to a file, and back; 1 in 1000 may tie."""
    x, _ = examples(1000)
    with tempfile.TemporaryDirectory() as folder:
        loaded = Network.load(net.save(Path(folder, "network.npz")))
    copies = (loaded, net.to("numpy"), loaded.to("cupy", device))
    return all(np.mean(net.predict(x) == copy.predict(x)) >= 0.999 for copy in copies)


def print_timings(device, rows, steps):
    print("\n| network | batch | NumPy, µs a step | CuPy, µs a step | NumPy / CuPy |\n|---|---|---|---|---|")
    for sizes, batch_size in rows:
        host = seconds_of_step(Network(sizes), batch_size, steps)
        gpu = seconds_of_step(Network(sizes, "cupy", device), batch_size, steps)
        print(f"| `{sizes}` | {batch_size} | {host * 1e6:.0f} | {gpu * 1e6:.0f} | {host / gpu:.2f} |")


def seconds_of_step(net, batch_size, steps):
    """Return the best of three epochs after one that warms up; the clock waits for the device."""
    data = examples(batch_size * steps)
    seconds = [
        report.seconds for report in net.fit(data, epochs=4, batch_size=batch_size, optimizer=SGD(0.1), progress=False)
    ]
    return min(seconds[1:]) / steps


if __name__ == "__main__":
    begin = time.perf_counter()
    status = main()
    print(f"\n{time.perf_counter() - begin:.0f} s")
    sys.exit(status)
