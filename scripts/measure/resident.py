"""How much memory a process takes: its peak, and the part that no file backs.

    python scripts/measure/resident.py train --epochs 1 --quiet --output network.npz

runs that command of `anynet`, and prints the most memory it had resident, in MB. On Linux the numbers come from
/proc/self/status, for `ru_maxrss`, which other systems tell, begins there with the peak of whoever started the process.
"""

import resource
import sys
from contextlib import suppress
from pathlib import Path

from anynet.cli import main


def peak_mb() -> float:
    """Return the most memory that this process has had resident so far, in MB."""
    peak = _status("VmHWM")
    if peak is not None:
        return peak
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e6 / 1024)


def anonymous_mb() -> float | None:
    """Return the memory of this process that no file backs, now, in MB; None where the system does not tell."""
    return _status("RssAnon")


def _status(name: str) -> float | None:
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024 / 1e6
    return None


if __name__ == "__main__":
    status = main()
    print(f"{peak_mb():.1f}")
    sys.exit(status)
