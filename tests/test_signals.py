"""Signals, in this process: held back, told of, given back as they were."""

import signal

import pytest

from anynet.signals import exit_code, handled, held_back

# ruff: noqa: PT012 - what is held back comes in the middle of a block
ALL = [s for s in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", None)) if s is not None]


@pytest.fixture(autouse=True)
def as_they_are_by_default():
    """Let signals do what they do by default, even if whoever runs the tests ignores them, as nohup does."""
    before = {s: signal.signal(s, signal.default_int_handler) for s in ALL}
    yield
    for s, handler in before.items():
        signal.signal(s, handler)


@pytest.mark.parametrize("number", ALL)
def test_an_interrupt_waits_until_it_is_asked_for(number):
    reached = []
    with pytest.raises(KeyboardInterrupt) as caught, held_back() as check:
        check()
        signal.raise_signal(number)
        reached.append("went on")
        check()
        reached.append("too far")
    assert reached == ["went on"]
    assert exit_code(*caught.value.args) == {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}[number.name]


def test_a_second_interrupt_is_not_held_back():
    reached = []
    with pytest.raises(KeyboardInterrupt), held_back():
        signal.raise_signal(signal.SIGINT)
        reached.append("held back")
        signal.raise_signal(signal.SIGTERM)
        reached.append("too far")
    assert reached == ["held back"]


def test_an_interrupt_that_nobody_asks_for_is_forgotten():
    with held_back():
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("error", [None, RuntimeError, KeyboardInterrupt])
def test_handlers_are_given_back(error):
    before = [signal.getsignal(s) for s in ALL]
    try:
        with handled(lambda number, frame: None):
            assert [signal.getsignal(s) for s in ALL] != before
            if error is not None:
                raise error
    except (RuntimeError, KeyboardInterrupt):
        pass
    assert [signal.getsignal(s) for s in ALL] == before


def test_what_is_ignored_stays_ignored():
    signal.signal(ALL[-1], signal.SIG_IGN)
    told = []
    with handled(lambda number, frame: told.append(number)):
        assert signal.getsignal(ALL[-1]) == signal.SIG_IGN
        signal.raise_signal(ALL[-1])
        signal.raise_signal(signal.SIGINT)
    assert told == [signal.SIGINT]
    assert signal.getsignal(ALL[-1]) == signal.SIG_IGN
