"""Names in little room: they fit, and what differs stays different."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anynet.commands.terminal import columns_of
from anynet.shortening import shortened


@pytest.mark.parametrize(
    ("names", "most", "expected"),
    [
        (["cat", "dog"], 3, ["cat", "dog"]),
        (["class number 000", "class number 099"], 9, ["class\u2026000", "class\u2026099"]),
        (["W" * 180 + "a", "W" * 180 + "b", "W"], 5, ["WW\u2026Wa", "WW\u2026Wb", "W"]),
        (["x" * 30 + "A" + "y" * 30, "x" * 30 + "B" + "y" * 30], 6, ["\u2026Ayyy\u2026", "\u2026Byyy\u2026"]),
        (["a long road home", "a long road home", "a"], 7, ["a l\u2026ome", "a l\u2026ome", "a"]),
        (["a " * 9 + "b c", "a " * 9 + "d c"], 3, ["\u2026b\u2026", "\u2026d\u2026"]),
    ],
)
def test_names_are_cut_in_their_middles_or_round_what_tells_them_apart(names, most, expected):
    assert shortened(names, most) == expected


def test_a_width_and_a_mark_of_ones_own():
    assert shortened(["\u732b" * 9 + "a", "\u732b" * 9 + "b"], 8, columns_of, "..") == [
        "\u732b\u732b..a",
        "\u732b\u732b..b",
    ]
    assert shortened(["iiiiiiii", "WWWWWWWW"], 8, lambda text: sum(3 if c == "W" else 1 for c in text)) == [
        "iiiiiiii",
        "W\u2026W",
    ]


@given(st.lists(st.text("ab \u732b", min_size=1, max_size=40), min_size=1, max_size=30), st.integers(8, 30))
def test_different_names_stay_different_and_fit(names, most):
    made = shortened(names, most, columns_of)
    assert len(made) == len(names)
    assert len(set(zip(names, made, strict=True))) == len(set(names)) == len(set(made))
    assert all(columns_of(text) <= most for text in made)
    assert all(text == name for name, text in zip(names, made, strict=True) if columns_of(name) <= most)


def test_where_there_is_no_room_numbers_tell_names_apart():
    assert shortened(["abcd", "abce", "abcd"], 1) == ["\u2026 (1)", "\u2026 (2)", "\u2026 (1)"]
