"""Threads: by a rule where nobody asked, what was asked for where somebody did, and never for whoever looks."""

import numpy as np
import pytest
import threadpoolctl
from conftest import need
from recipes import clusters

from anynet import SGD, Network, backends, training
from anynet.backends.threads import SHARED_FROM, Threads, threads_for


def blas_threads():
    return max(pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas")


@pytest.fixture
def two():
    """Two threads, whatever the machine has."""
    if not [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]:
        pytest.skip("threadpoolctl knows no matrix library here")
    with threadpoolctl.threadpool_limits(2):
        if blas_threads() != 2:
            pytest.skip("this matrix library has one thread")
        yield


class Watching(SGD):
    """An optimizer that notes on how many threads it runs."""

    def numbers(self, step):
        self.seen.append(blas_threads())
        return super().numbers(step)


def watched(sizes=(12, 4), batch_size=10, **keywords):
    """Return on how many threads a training computes, and how many whoever looks at its reports has."""
    optimizer, outside = Watching(0.1), []
    object.__setattr__(optimizer, "seen", [])
    x, y = clusters(np.random.default_rng(1), n=2 * batch_size, n_in=sizes[0])
    for _ in Network(sizes).iter_fit(x, y, epochs=2, batch_size=batch_size, optimizer=optimizer, **keywords):
        outside.append(blas_threads())
    return set(optimizer.seen), set(outside)


@pytest.mark.usefixtures("two")
def test_small_steps_compute_on_one_thread_and_whoever_looks_on_their_own():
    assert watched() == ({1}, {2})
    assert blas_threads() == 2


@pytest.mark.usefixtures("two")
def test_large_steps_compute_on_what_the_library_is_set_to():
    sizes, batch_size = (1000, 100, 4), SHARED_FROM // 100_000
    assert watched(sizes, batch_size - 1) == ({1}, {2})
    assert watched(sizes, batch_size) == ({2}, {2})
    with threadpoolctl.threadpool_limits(1):
        assert watched(sizes, batch_size) == ({1}, {1})


@pytest.mark.usefixtures("two")
def test_what_was_asked_for_wins():
    assert watched(threads=2) == ({2}, {2})
    with threadpoolctl.threadpool_limits(1):
        assert watched(threads=2) == ({2}, {1})
    assert watched((1000, 100, 4), SHARED_FROM // 100_000, threads=1) == ({1}, {2})


@pytest.mark.usefixtures("two")
def test_an_error_and_a_consumer_who_leaves_find_their_threads_again():
    x, y = clusters(np.random.default_rng(1))
    reports = Network([12, 4]).iter_fit(x, y, batch_size=10)
    next(reports)
    reports.close()
    with pytest.raises(TypeError, match="optimizer"):
        Network([12, 4]).fit(x, y, optimizer=Broken(0.1))
    assert blas_threads() == 2


class Broken(SGD):
    def numbers(self, step):
        return "none"


@pytest.mark.usefixtures("two")
def test_a_training_keeps_the_number():
    """A checkpoint can store it."""
    net, data = Network([12, 4]), clusters(np.random.default_rng(1))
    for asked, expected in ((None, Threads(1)), (2, Threads(2, is_asked=True))):
        journey = training.prepare(
            net.backend, net.architecture, SGD(0.1), net.streams, data, 1, 10, None, None, threads=asked
        )
        assert journey.threads == expected


def test_the_rule_gives_the_bits_of_one_thread():
    x, y = clusters(np.random.default_rng(1), n=300, n_in=400)
    weights = []
    for threads in (None, 1):
        net = Network([400, 60, 4])
        net.fit(x, y, epochs=2, batch_size=30, threads=threads)
        weights.append(net.weights)
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))


@pytest.mark.parametrize(
    ("threads", "error", "message"),
    [(0, ValueError, "threads: expected at least 1, got 0"), (1.5, TypeError, "threads: expected a whole number")],
)
def test_numbers_that_do_not_suit(threads, error, message):
    with pytest.raises(error, match=message):
        Network([12, 4]).fit(*clusters(np.random.default_rng(1)), threads=threads)


def test_a_library_that_cannot_be_told_says_so():
    need("jax")
    backend = backends.get("jax")
    assert threads_for(backend, 1) == Threads(None)
    with pytest.raises(ValueError, match=r"threads: expected a backend that can be told, got jax"):
        threads_for(backend, 1, 2)


def test_multiply_adds_are_those_of_the_largest_product():
    assert Network([784, 30, 10]).architecture.multiply_adds == 784 * 30
    assert Network([5, 7, 300]).architecture.multiply_adds == 7 * 300
