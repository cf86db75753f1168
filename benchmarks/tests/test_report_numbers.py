"""Statistics, units and metrics of the report."""

from __future__ import annotations

import math
import random
from statistics import NormalDist, median

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from benchmarks.report import units
from benchmarks.report.metrics import Bias, BreakEven, Metrics, bias, break_even, break_evens, metrics
from benchmarks.report.runs import Measured, Place
from benchmarks.report.stats import Summary, interval_rank, quantile, summarize
from benchmarks.tests.made_up import params

floats = st.floats(min_value=1e-9, max_value=1e3)


@pytest.mark.parametrize(
    ("n", "expected"),
    # the ranks of the table of the sign test's 95 % intervals (from 0): six values give their extremes, ten the second
    [(1, None), (5, None), (6, 0), (8, 0), (9, 1), (10, 1), (12, 2), (15, 3), (20, 5), (25, 7), (50, 17), (100, 39)],
)
def test_interval_rank(n: int, expected: int | None) -> None:
    """The ranks of a 95 % interval for the median are those of the published tables of the sign test."""
    assert interval_rank(n, 0.95) == expected


def test_interval_covers_the_median() -> None:
    """Over 2000 seeded samples of a skewed distribution the interval holds the true median in 95 % or more."""
    source = random.Random(1)
    true = math.log(2)
    covered = 0
    for _ in range(2000):
        summary = summarize([source.expovariate(1) for _ in range(24)])
        assert summary.low is not None
        assert summary.high is not None
        covered += summary.low <= true <= summary.high

    # 2000 trials at 95 %: fewer than 1875 would be 2.6 standard deviations off
    assert covered >= 1875


@given(st.lists(floats, min_size=1, max_size=60))
def test_summary_does_not_depend_on_order(values: list[float]) -> None:
    """A summary is the same for any order of the values, and its center is the median."""
    assert summarize(values) == summarize(values[::-1])
    assert summarize(values).center == median(values)


@given(st.lists(floats, min_size=6, max_size=60), st.sampled_from([0.25, 2.0, 1024.0]))
def test_summary_scales(values: list[float], scale: float) -> None:
    """Values in another unit give the same summary in that unit."""
    one, other = summarize(values), summarize([value * scale for value in values])

    assert (one.center * scale, one.low * scale, one.high * scale) == (other.center, other.low, other.high)  # type: ignore[operator]


def test_summary_of_nothing() -> None:
    """There is no summary of no values."""
    with pytest.raises(ValueError, match="no values"):
        summarize([])


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.1, 1), (0.11, 2), (0.5, 5), (0.95, 10), (1.0, 10)])
def test_quantile(share: float, expected: float) -> None:
    """A quantile is the smallest value that at least the share does not exceed."""
    assert quantile(list(range(10, 0, -1)), share) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0 ns"),
        (1.5e-9, "1.50 ns"),
        (999.4e-9, "999 ns"),
        (999.6e-9, "1.00 us"),
        (12.34e-6, "12.3 us"),
        (99.96e-6, "100 us"),
        (0.00999949, "10.0 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.00 s"),
        (12.345, "12.3 s"),
        (1234.5, "1234 s"),
        (-12.34e-6, "-12.3 us"),
        (None, "-"),
    ],
)
def test_seconds(value: float | None, expected: str) -> None:
    """Times have three digits and the unit that keeps them short, on both sides of each threshold."""
    assert units.seconds(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0123, "0.012"),
        (0.0994, "0.099"),
        (0.0996, "0.10"),
        (1.556, "1.56"),
        (9.99, "9.99"),
        (9.996, "10.0"),
        (100.4, "100"),
        (None, "-"),
    ],
)
def test_factor(value: float | None, expected: str) -> None:
    """Ratios have two digits behind the point, more or fewer where that would say too little or too much."""
    assert units.factor(value) == expected


@pytest.mark.parametrize(("value", "expected"), [(0.985, "98%"), (0.0123, "1.2%"), (1.014, "101%"), (None, "-")])
def test_percent(value: float | None, expected: str) -> None:
    """Shares are whole percent, with a digit more below ten."""
    assert units.percent(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0 B"),
        (512, "512 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (1 << 20, "1.00 MiB"),
        (1.5 * (1 << 20), "1.50 MiB"),
        ((1 << 20) - 1, "1.00 MiB"),
        (18.4 * (1 << 20), "18.4 MiB"),
        (3 * (1 << 30), "3.00 GiB"),
    ],
)
def test_sizes(value: float, expected: str) -> None:
    """Bytes have three digits and a binary unit; what rounds up to the next unit is written in that."""
    assert units.size(value) == expected


def test_throughput() -> None:
    """16 MiB in a tenth of a second are 168 MB/s: decimal, as throughputs are."""
    assert units.throughput((16 << 20) / 0.1) == "168 MB/s"
    assert units.throughput(None) is None


def test_break_even_is_each_workload_s_own() -> None:
    """Lengths of two kinds of tasks make no curve; two lengths of each make one for each."""

    def rows(*workloads: str) -> list[Metrics]:
        found = []
        for workload in workloads:
            for size, seconds in ((100, 8.0), (1000, 20.0)):
                one = cell(seconds=(seconds,) * 6, serial=(size / 25,) * 6, size=size)
                place = changed(one.place, axes=params(size=size, workload=workload))
                found.append(metrics(changed(one, place=place)))
        return found

    assert [point.strategy for point in break_evens(rows("count"))] == ["Pool.map"]
    assert {point.strategy for point in break_evens(rows("count", "hash"))} == {
        "Pool.map, workload count",
        "Pool.map, workload hash",
    }
    assert break_evens(rows("count")[:1] + rows("hash")[1:]) == []


def cell(
    strategy: str = "Pool.map",
    seconds: tuple[float, ...] = (2.0,) * 6,
    serial: tuple[float, ...] | None = (4.0,) * 6,
    floor: tuple[float, ...] | None = (1.6,) * 6,
    size: int = 100,
) -> Measured:
    """Make a cell of four tasks."""
    axes = params(strategy=strategy, size=size)
    return Measured(Place("bench.py::bench[x]", "f", axes, 1), seconds, serial, floor, None, None, {}, {})


def test_metrics_multiply() -> None:
    """speedup 4 / 2, machine speedup 4 / 1.6, efficiency 1.6 / 2, overhead 2 - 1.6; S = machine speedup x E."""
    row = metrics(cell())
    assert row.speedup is not None
    assert row.machine_speedup is not None
    assert row.efficiency is not None
    assert row.overhead is not None

    assert (row.speedup.center, row.machine_speedup.center, row.efficiency.center) == (2.0, 2.5, 0.8)
    assert row.overhead.center == pytest.approx(0.4)
    assert row.speedup.center == pytest.approx(row.machine_speedup.center * row.efficiency.center)
    assert row.task_length == 1.0


def test_cpu_time_that_a_clock_did_not_see() -> None:
    """Rounds in which the floor used no CPU time that its clock could see cost nothing but the ratio to it."""
    row = metrics(msgspec.structs.replace(cell(), cpu_seconds=(0.5,) * 6, floor_cpu_seconds=(0.0, 0.1) * 3))

    assert row.cpu == 0.5
    assert metrics(msgspec.structs.replace(cell(), cpu_seconds=(0.0,) * 6)).cpu is None


def test_ratios_are_taken_round_by_round() -> None:
    """A machine whose speed doubles between rounds changes no ratio, though it changes each time."""
    drift = (1.0, 2.0, 1.0, 2.0, 4.0, 0.5)
    row = metrics(cell(seconds=tuple(2 * d for d in drift), serial=tuple(3 * d for d in drift)))
    assert row.speedup is not None

    assert (row.speedup.low, row.speedup.center, row.speedup.high) == (1.5, 1.5, 1.5)


def test_missing_arms_leave_gaps() -> None:
    """Without a serial or a floor arm there is no ratio to it, and a serial row has no efficiency."""
    bare = metrics(cell(serial=None, floor=None))
    serial = metrics(cell("serial", seconds=(4.0,) * 6))

    assert (bare.speedup, bare.machine_speedup, bare.efficiency, bare.overhead, bare.task_length) == (None,) * 5
    assert (serial.efficiency, serial.overhead) == (None, None)
    assert serial.machine_speedup is not None


@pytest.mark.parametrize(
    ("seconds", "low", "high", "expected"),
    [
        # wholly beyond 3 % or not, on either side; wholly within 10 % or not
        (1.0, 1.029, 1.2, Bias.UNKNOWN),
        (1.0, 1.031, 1.2, Bias.BIASED),
        (1.0, 0.8, 0.969, Bias.BIASED),
        (1.0, 0.8, 0.972, Bias.UNKNOWN),
        (1.0, 0.92, 1.09, Bias.SMALL),
        (1.0, 0.90, 1.09, Bias.UNKNOWN),
        (1.0, 0.92, 1.11, Bias.UNKNOWN),
        # 4 us off at 20 us is 20 %, but within 5 us; so is a bias that could hide
        (20e-6, 1.2, 1.24, Bias.SMALL),
        (20e-6, 1.26, 1.3, Bias.BIASED),
        # as wide as a barn
        (1.0, 0.1, 10.0, Bias.UNKNOWN),
        (1.0, None, None, Bias.UNKNOWN),
    ],
)
def test_bias(seconds: float, low: float | None, high: float | None, expected: Bias) -> None:
    """A null row is biased where its whole interval is off by more than 3 % or 5 us, and shown good within 10 %."""
    middle = 1.0 if low is None or high is None else (low + high) / 2

    assert bias(Summary(6, middle, low, high), seconds) is expected


def rows(*speedups: float) -> list[object]:
    """Make rows whose task lengths are 1, 10, 100 ... ms with these speedups."""
    lengths = [1e-3 * 10**power for power in range(len(speedups))]
    return [
        metrics(cell(seconds=(4 * length / gain,) * 6, serial=(4 * length,) * 6))
        for length, gain in zip(lengths, speedups, strict=True)
    ]


@pytest.mark.parametrize(
    ("speedups", "expected", "always"),
    [
        # log speedup goes from -log 2 to +log 2 between 1 and 10 ms: it is 0 in the middle, at sqrt(10) ms
        ((0.5, 2.0), 1e-3 * math.sqrt(10), False),
        ((0.25, 0.5, 2.0), 1e-2 * math.sqrt(10), False),
        # from log 1/4 to log 2: two thirds of the way
        ((0.25, 2.0), 1e-3 * 10 ** (2 / 3), False),
        ((0.1, 0.5), None, False),
        ((1.1, 1.5), None, True),
        # a gain among losses is noise: the last crossing counts
        ((0.5, 1.1, 0.5, 2.0), 1e-1 * math.sqrt(10), False),
    ],
)
def test_break_even(speedups: tuple[float, ...], expected: float | None, *, always: bool) -> None:
    """Break-even is where a straight line through log speedup over log task length crosses zero."""
    point = break_even(rows(*speedups))  # type: ignore[arg-type]
    assert point is not None

    assert point.always is always
    assert point.task_length == (None if expected is None else pytest.approx(expected))


def test_break_even_interval() -> None:
    """Its interval is where the bounds of the speedups cross; an open end is None."""
    noisy = [
        metrics(cell(seconds=(1.0,) * 6, serial=(0.4, 0.5, 0.5, 0.5, 0.5, 1.25), floor=None)),
        metrics(cell(seconds=(10.0,) * 6, serial=(8.0, 20.0, 20.0, 20.0, 20.0, 40.0), floor=None)),
    ]
    point = break_even(noisy)
    assert isinstance(point, BreakEven)

    assert point.task_length is not None
    assert point.low is None
    assert point.high is None


@given(st.floats(0.05, 0.95), st.floats(1.05, 20))
def test_break_even_lies_between_loss_and_gain(loss: float, gain: float) -> None:
    """Break-even is between the last size that loses and the first that gains."""
    point = break_even(rows(loss, gain))  # type: ignore[arg-type]
    assert point is not None
    assert point.task_length is not None

    assert 1e-3 < point.task_length < 1e-2


def test_normal_spread_is_covered() -> None:
    """The interval of 100 normal quantiles is symmetric about their median."""
    summary = summarize([NormalDist().inv_cdf((i + 0.5) / 100) for i in range(100)])
    assert summary.low is not None
    assert summary.high is not None

    assert summary.low == pytest.approx(-summary.high)
    assert summary.center == pytest.approx(0, abs=1e-12)
