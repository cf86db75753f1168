"""Changes that are not a strategy's doing, by the other arms of its rounds."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from msgspec.structs import replace as changed

from benchmarks.report.compare import compare
from benchmarks.report.judge import Rule, Verdict
from benchmarks.tests.sampled import sample
from benchmarks.tests.test_compare import JUDGED_BY, verdicts


@pytest.mark.parametrize(
    ("how", "cause"),
    [({"serial": 0.6}, "serial code"), ({"capacity": 1.6}, "bare processes")],
    ids=["serial", "capacity"],
)
def test_what_is_not_the_strategy_s_doing_is_said(how: dict[str, Any], cause: str) -> None:
    """A speedup that fell because the loop got faster, or the machine gave less, is no regression of a strategy."""
    result = compare(sample(1, sigma=0.01, drift=0.02), sample(2, sigma=0.01, drift=0.02, **how), Rule())

    assert set(verdicts(result, "speedup").values()) == {(Verdict.REGRESSED, cause)}
    assert all(verdict is Verdict.UNCHANGED for verdict, _ in verdicts(result).values())
    assert result.regressed == ()


@pytest.mark.parametrize("quantity", ["efficiency", "overhead"])
def test_a_faster_floor_is_no_strategy_s_doing(quantity: str) -> None:
    """Bare processes that take a fifth less, beside a strategy that takes as long as ever, regress nothing."""
    how: dict[str, Any] = {"sigma": 0.01, "drift": 0.02, "call": 2e-4, "judged_by": JUDGED_BY}
    base, new = sample(1, **how), sample(2, **how)
    for each in new:
        assert isinstance(each.views, dict)
        for name, view in each.views.items():
            if "floor time" in view.values:
                floor = view.values["floor time"] - math.log(1.25)
                own = view.values["time"]
                moved = {
                    "floor time": floor,
                    "efficiency": own - floor,
                    "overhead": math.exp(own) - math.exp(floor),
                }
                each.views[name] = changed(view, values={**view.values, **moved})
    result = compare(base, new, Rule())
    causes = {group.cause for group in result.groups if group.quantity == quantity}

    assert "bare processes" in causes
    assert causes <= {"bare processes", "cause unclear"}
    assert result.regressed == ()


@pytest.mark.parametrize(
    ("cpu", "floor_cpu", "cause"),
    [(1.3, 1.0, "strategy"), (1.0, 1 / 1.3, "bare processes"), (1.1, 1 / 1.3, "bare processes")],
)
def test_cpu_time_is_put_down_to_the_arm_that_took_it(cpu: float, floor_cpu: float, cause: str) -> None:
    """Of the ratio of CPU times that part is the strategy's by which its own CPU seconds changed."""
    samples = []
    for seed, factors in ((1, (1.0, 1.0)), (2, (cpu, floor_cpu))):
        runs = sample(seed, judged_by=("CPU time",))
        source = random.Random(seed)
        for each in runs:
            assert isinstance(each.views, dict)
            for name, view in each.views.items():
                if "floor time" in view.values:
                    own, bare = (math.log(factor) + source.gauss(0, 0.01) for factor in factors)
                    loop = source.gauss(0, 0.01)
                    values = {**view.values, "CPU seconds": own, "CPU time": own - bare, "serial time": loop}
                    each.views[name] = changed(view, values=values)
        samples.append(runs)

    assert set(verdicts(compare(samples[0], samples[1], Rule()), "CPU time").values()) == {(Verdict.REGRESSED, cause)}


@pytest.mark.parametrize(("serial", "cause"), [(1.0, "strategy"), (1.4, "serial code")])
def test_a_first_result_on_a_slower_machine_is_no_strategy_s_doing(serial: float, cause: str) -> None:
    """Where the loop beside it takes as much longer, a later first result is not the strategy's own."""
    samples = []
    for seed, factor in ((1, 1.0), (2, 1.4)):
        runs = sample(seed, drift=0.01, serial=1.0 if factor == 1 else serial, judged_by=("first result",))
        source = random.Random(seed)
        for each in runs:
            assert isinstance(each.views, dict)
            for name, view in each.views.items():
                late = math.log(1e-3 * factor) + source.gauss(0, 0.01)
                each.views[name] = changed(view, values={**view.values, "first result": late})
        samples.append(runs)

    assert set(verdicts(compare(samples[0], samples[1], Rule()), "first result").values()) == {
        (Verdict.REGRESSED, cause)
    }
