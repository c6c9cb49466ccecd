"""Signals, in this process: held back, told of, given back as they were."""

import signal
import threading

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


@pytest.fixture
def clock(monkeypatch):
    """The seconds that have passed, to be set."""
    passed = [0.0]
    monkeypatch.setattr("anynet.signals.time.monotonic", lambda: passed[0])
    return passed


def test_only_a_second_ctrl_c_of_a_person_is_not_held_back(clock):
    reached = []
    with pytest.raises(KeyboardInterrupt) as caught, held_back():
        signal.raise_signal(signal.SIGINT)
        clock[0] = 0.4
        signal.raise_signal(signal.SIGINT)  # of an impatient program
        clock[0] = 0.6
        signal.raise_signal(signal.SIGTERM)
        reached.append("held back")
        signal.raise_signal(signal.SIGINT)
        reached.append("too far")
    assert (reached, caught.value.args) == (["held back"], (signal.SIGINT,))


def test_a_terminal_that_closes_asks_twice_and_is_told_once(clock):
    reached = []
    with pytest.raises(KeyboardInterrupt) as caught, held_back() as check:
        signal.raise_signal(ALL[-1])
        clock[0] = 1.0
        signal.raise_signal(ALL[-1])
        signal.raise_signal(signal.SIGINT)
        reached.append("held back")
        check()
    assert (reached, caught.value.args) == (["held back"], (ALL[-1],))


def test_what_must_not_be_cut_short_is_not(clock):
    with pytest.raises(KeyboardInterrupt, match=str(int(signal.SIGTERM))), held_back() as check:
        signal.raise_signal(signal.SIGTERM)
        check.hold_all()
        for clock[0] in (0.0, 1.0, 2.0):
            signal.raise_signal(signal.SIGINT)
        check()


def test_without_a_signal_that_only_unix_has_the_others_are_held_back(monkeypatch):
    monkeypatch.delattr("anynet.signals.signal.SIGHUP")
    with pytest.raises(KeyboardInterrupt), held_back() as check:
        signal.raise_signal(signal.SIGINT)
        check()


def test_a_program_that_ends_goes_on_to_end_quietly():
    told = []
    with handled(lambda number, frame: told.append(number), for_good=True):
        pass
    signal.raise_signal(signal.SIGINT)
    assert told == [signal.SIGINT]


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


def test_in_another_thread_nothing_is_held_back():
    before, reached = [signal.getsignal(s) for s in ALL], []

    def run():
        with held_back() as check:
            check()
            reached.append([signal.getsignal(s) for s in ALL])

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert reached == [before]


def test_what_is_ignored_stays_ignored():
    signal.signal(ALL[-1], signal.SIG_IGN)
    told = []
    with handled(lambda number, frame: told.append(number)):
        assert signal.getsignal(ALL[-1]) == signal.SIG_IGN
        signal.raise_signal(ALL[-1])
        signal.raise_signal(signal.SIGINT)
    assert told == [signal.SIGINT]
    assert signal.getsignal(ALL[-1]) == signal.SIG_IGN
