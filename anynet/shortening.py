"""Names made short enough for their place, so that they can still be told apart."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import takewhile

MARK = "\u2026"  # stands for what is left out
_BEFORE = (4, 0)  # characters that stand before what tells names apart, if there is room


def shortened(names: Sequence[str], most: float, width: Callable[[str], float] = len, mark: str = MARK) -> list[str]:
    """Return names as they are, or cut where they are too wide: in their middles, or round what tells them apart.

    Different names stay different, if need be by a number behind their beginnings.

    Args:
        names: In any order; the same ones stay the same.
        most: How wide each may be; such a number may be wider, if that is little.
        width: How wide a text is.
        mark: What stands for what is left out.

    Example:
        >>> shortened(["cat", "class number 7", "class number 8"], 9)
        ['cat', 'clas\u2026er 7', 'clas\u2026er 8']
        >>> shortened(["an animal of a long name", "an animal of a longer name"], 10)
        ['\u2026long name', '\u2026longer n\u2026']
    """

    def longest(name: str, kept: Callable[[int], str]) -> str:
        """Return what is kept of a name with the most of its characters that fits."""
        fits, fails = 0, len(name) + 1
        while fails - fits > 1:
            n = (fits + fails) // 2
            fits, fails = (n, fails) if width(kept(n)) <= most else (fits, n)
        return kept(fits)

    made = {name: longest(name, partial(_ends, name, mark)) for name in names}
    for before in _BEFORE:
        for group in _alike(made):
            start = max(0, _n_common(group) - before)
            made |= {name: longest(name, partial(_part, name, start, mark, "")) for name in group}
    alike = [name for group in _alike(made) for name in group]
    for number, name in enumerate(alike, 1):
        made[name] = longest(name, partial(_part, name, 0, mark, f" ({number})"))
    return [made[name] for name in names]


def _alike(made: dict[str, str]) -> list[list[str]]:
    """Return the names of which the same was made, those of each text together."""
    counts = Counter(made.values())
    return [[name for name in made if made[name] == text] for text, n in counts.items() if n > 1]


def _n_common(names: list[str]) -> int:
    """Return with how many characters all names begin that are the same."""
    return sum(1 for _ in takewhile(lambda characters: len(set(characters)) == 1, zip(*names, strict=False)))


def _ends(name: str, mark: str, n: int) -> str:
    """Return n characters of a name, of its beginning and of its end."""
    return name if n >= len(name) else f"{name[: n - n // 2].rstrip()}{mark}{name[len(name) - n // 2 :].lstrip()}"


def _part(name: str, start: int, mark: str, end: str, n: int) -> str:
    """Return n characters of a name, from a place on, and an end."""
    return f"{mark * (start > 0)}{name[start : start + n].strip()}{mark * (start + n < len(name))}{end}"
