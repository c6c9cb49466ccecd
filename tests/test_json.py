"""JSON of strangers: what is honest is parsed, and what would take much is refused before it does."""

import json as oracle

import pytest

from anynet.formats import json


@pytest.mark.parametrize("value", [{"a": [1, -2.5, None, "b"]}, 10**99, [[]], "text", float("inf")])
def test_what_is_honest_is_parsed(value):
    assert json.parsed(oracle.dumps(value)) == value


@pytest.mark.parametrize("empty", ["[]", "{}", "0", '""'])
def test_as_many_values_as_may_be(empty, monkeypatch):
    monkeypatch.setattr(json, "MAX_PARTS", 20)
    assert len(json.parsed(f"[{', '.join(9 * [empty])}]")) == 9
    with pytest.raises(ValueError, match="JSON of more than 20 values"):
        json.parsed(f"[{', '.join(21 * [empty])}]")
    with pytest.raises(ValueError, match="JSON of more than 10 values"):
        json.check(f"[{', '.join(11 * [empty])}]", share=2)


def test_keys_are_counted(monkeypatch):
    monkeypatch.setattr(json, "MAX_PARTS", 20)
    with pytest.raises(ValueError, match="JSON of more than 20 values"):
        json.parsed("{" + ", ".join(f'"{i}": 0' for i in range(11)) + "}")


def test_a_text_is_as_long_as_it_may_be(monkeypatch):
    monkeypatch.setattr(json, "MAX_LENGTH", 1000)
    assert json.parsed(f'"{998 * "a"}"') == 998 * "a"
    with pytest.raises(ValueError, match="JSON of 1,001 characters, more than 1,000"):
        json.parsed(f'"{999 * "a"}"')
    with pytest.raises(ValueError, match="JSON of 501 characters, more than 500"):
        json.check(501 * "a", share=2)


@pytest.mark.parametrize("digits", ["9" * 101, "-" + "9" * 100, "9" * 5000])
def test_a_whole_number_of_too_many_digits(digits):
    with pytest.raises(ValueError, match=f"a whole number of {len(digits):,} digits"):
        json.parsed(f"[{digits}]")
