"""Workloads give what they promise."""

from __future__ import annotations

import pytest

from benchmarks.workloads import WORKLOADS


@pytest.mark.parametrize("size", [1, 2, 10, 1001])
@pytest.mark.parametrize("name", list(WORKLOADS))
def test_expected_results(name: str, size: int) -> None:
    """The closed form of the expected result is what the task function returns."""
    workload = WORKLOADS[name]
    if workload.unit in {"ms", "MiB"}:
        size = min(size, 10)  # a second, or a gigabyte, would say no more

    assert workload.expected(size, 3) == [workload.function(value) for value in workload.make_inputs(size, 3)]


def test_counting_loop_is_the_article_s() -> None:
    """Counting below 10 000 gives 49 995 000 (Gauss: n(n - 1) / 2)."""
    assert WORKLOADS["count"].function(10_000) == 49_995_000


@pytest.mark.parametrize("name", ["heavy first", "heavy last", "heavy clustered"])
def test_heavy_tails(name: str) -> None:
    """The mean of 32 loops is the size, and the longest is a quarter of all: 1 / H(32) = 0.246 (Zipf's law)."""
    iterations = list(WORKLOADS[name].make_inputs(10_000, 32))

    assert sum(iterations) == pytest.approx(320_000, abs=32)
    assert max(iterations) / sum(iterations) == pytest.approx(0.2464, abs=0.0001)


def test_heavy_clusters() -> None:
    """In a cluster the four longest loops stand side by side, in none of the chunks at the ends."""
    iterations = list(WORKLOADS["heavy clustered"].make_inputs(10_000, 32))
    longest = sorted(sorted(range(32), key=iterations.__getitem__)[-4:])

    assert longest == [16, 17, 18, 19]


def test_counting_loop_needs_a_size() -> None:
    """A size that was forgotten is said so."""
    with pytest.raises(ValueError, match="needs a size"):
        WORKLOADS["count"].make_inputs(None, 4)


def test_large_heap_is_as_large_as_it_says() -> None:
    """The ballast holds 256 MiB of bytes objects, within 5 %, each of its own memory."""
    ballast = WORKLOADS["large heap"].ballast
    assert ballast is not None
    held = ballast()
    assert isinstance(held, list)

    assert 0.95 < sum(item.__sizeof__() for item in held) / (256 * 1024 * 1024) < 1.05
    assert len({id(item) for item in held}) == len(held)
