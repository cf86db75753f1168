"""A change is put down to an arm only where a witness is sure of it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from msgspec.structs import replace as changed

from benchmarks.report.__main__ import NOT_JUDGED, REGRESSED, exit_code
from benchmarks.report.compare import compare
from benchmarks.report.judge import Rule, Verdict
from benchmarks.report.program import OK
from benchmarks.report.quantities import SERIAL_TIME
from benchmarks.report.samples import Reduced
from benchmarks.tests.sampled import STRATEGIES, sample
from benchmarks.tests.test_compare import verdicts

RESTLESS: dict[str, Any] = {"sigma": 0.005, "drift": 0.4}
"""Arms' own times differ by 40 % between runs, all together, and their ratios by half a percent."""


def without_loop(runs: list[Reduced]) -> list[Reduced]:
    """Take the serial arm's time out of runs: the machine's speed then tells of no arm."""
    return [
        replace(
            run,
            views={
                name: changed(view, values={what: value for what, value in view.values.items() if what != SERIAL_TIME})
                for name, view in run.views.items()
            },
        )
        for run in runs
    ]


def test_neighbours_that_stay_tell_who_changed() -> None:
    """Where the machine's speed tells nothing, a strategy that alone changed is known by those that did not."""
    base, new = sample(1, **RESTLESS), sample(2, **RESTLESS, slower={"Pool.imap": 1.2})
    result = compare(without_loop(base), without_loop(new), Rule())

    assert verdicts(result)["Pool.imap"] == (Verdict.REGRESSED, "strategy")
    assert exit_code(result) == REGRESSED


@pytest.mark.parametrize("factor", [1.2, 1 / 1.2])
def test_what_all_have_in_common_is_nobody_s_where_the_machine_tells_nothing(factor: float) -> None:
    """If all strategies changed alike, and the arms' times are no witness, the cause is unclear."""
    how: dict[str, Any] = {**RESTLESS, "judged_by": ("efficiency",)}
    base, new = sample(1, **how), sample(2, **how, slower=dict.fromkeys(STRATEGIES, factor))
    result = compare(without_loop(base), without_loop(new), Rule())

    assert {cause for _, cause in verdicts(result).values()} == {"cause unclear"}
    assert result.regressed == ()
    assert bool(result.unclear) is (factor > 1)
    assert exit_code(result) == (NOT_JUDGED if factor > 1 else OK)
    assert exit_code(result, lenient=True) == OK


def test_what_all_have_in_common_is_theirs_on_a_calm_machine() -> None:
    """If all strategies changed and the loop and the floor did not, it is the strategies' own doing."""
    calm: dict[str, Any] = {"sigma": 0.005, "drift": 0.005, "judged_by": ("efficiency",)}
    result = compare(sample(1, **calm), sample(2, **calm, slower=dict.fromkeys(STRATEGIES, 1.2)), Rule())

    assert set(verdicts(result).values()) == {(Verdict.REGRESSED, "strategy")}


def of_a_function(seed: int, factor: float, only: str) -> list[Reduced]:
    """Make runs of a person's own function, which takes `factor` times as long; each has a setting of its own."""
    runs = sample(seed, 3, sigma=0.005, drift=0.3, judged_by=("function time", "speedup"))
    found = []
    for place, run in enumerate(runs):
        reference = run.views["bench_speedup.py::bench_count[1e4-serial]"].values["time"]
        views = {
            name: changed(
                view,
                values={**view.values, "function time": math.log(factor) + view.values[SERIAL_TIME] - reference},
            )
            for name, view in run.views.items()
            if SERIAL_TIME in view.values and only not in name
        }
        name = list(views)[place]
        own = {"speedup": changed(run.families["speedup"], settings_vary=True)}
        left = {other: view for other, view in views.items() if other == name or "Pool.map" in other}
        found.append(replace(run, families=own, views=left, outcomes=dict.fromkeys(left, "measured")))
    return found


def test_a_function_that_became_slower_is_to_blame_itself() -> None:
    """20 % more of its loop, beside one that never changes, is its own doing; settings may differ from run to run."""
    same = compare(of_a_function(1, 1.0, "1e2"), of_a_function(2, 1.0, "1e2"), Rule())
    slower = compare(of_a_function(1, 1.0, "1e2"), of_a_function(2, 1.2, "1e2"), Rule())

    assert verdicts(slower, "function time")["Pool.map"] == (Verdict.REGRESSED, "the function")
    assert exit_code(slower) == REGRESSED
    assert verdicts(same, "function time")["Pool.map"][0] is not Verdict.REGRESSED
    assert exit_code(same) == OK
    assert slower.others != ()
    assert (slower.appeared, slower.vanished, slower.missing) == ((), (), ())
