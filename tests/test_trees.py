"""Trees of arrays."""

from typing import NamedTuple

from anynet.trees import arrays_of, filled, map_arrays


class Pair(NamedTuple):
    first: object
    second: object


TREE = [Pair(1, [2, None]), (), (3,)]


def test_each_array_is_mapped_and_what_holds_it_stays():
    assert map_arrays(lambda a: 10 * a, TREE) == [Pair(10, [20, None]), (), (30,)]
    assert isinstance(map_arrays(str, TREE)[0], Pair)


def test_arrays_come_in_order():
    assert arrays_of(TREE) == [1, 2, 3]
    assert arrays_of(None) == []


def test_other_arrays_take_their_places():
    assert filled(TREE, [4, 5, 6]) == [Pair(4, [5, None]), (), (6,)]
