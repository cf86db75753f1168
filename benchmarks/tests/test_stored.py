"""Stored runs as what is known beforehand: which are replicates of each other, how many are read, what they say."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as changed

from benchmarks.report import stored
from benchmarks.report.compare import compare
from benchmarks.report.groups import groups, prior
from benchmarks.report.judge import Rule
from benchmarks.report.runs import load
from benchmarks.report.samples import reduce
from benchmarks.report.stats import Prior
from benchmarks.report.stored import Stored, replicates
from benchmarks.report.variances import Estimate, moderated, noise_of_today
from benchmarks.tests.sampled import sample
from benchmarks.tests.saved import five, report, storage


def edited(folder: Path, number: int, **changes: Any) -> None:
    """Change what a stored run says of its commit (`id`, `dirty`), of itself, or of its environment."""
    (path,) = folder.glob(f"*/{number:04}_*.json")
    text = json.loads(path.read_bytes())
    for key, value in changes.items():
        of = {
            "id": text["commit_info"],
            "dirty": text["commit_info"],
            "datetime": text,
            "version": text,
            "python": text["suite"]["environment"],
            "cpu_model": text["suite"]["environment"],
        }.get(key, text["suite"])
        of[key] = value
    path.write_text(json.dumps(text), encoding="utf-8")


def sizes(folder: Path, *leave_out: Path) -> list[int]:
    """Return how many runs each set of replicates has."""
    like = reduce(load(min(folder.glob("*/*.json"))))
    return sorted(len(some) for some in replicates(folder, like, leave_out, None).sets)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "another"},
        {"dirty": False},
        {"version": "5.0.0"},
        {"preset": "quick"},
        {"budget": 0.5},
        {"least_rounds": 7},
        {"python": "3.13.1"},
        {"complete": False},
        {"schema": 2},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_differs_is_no_replicate(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Replicates share name, commit, preset, budget and versions; what is not complete or of another schema is none."""
    folder = storage(tmp_path / "s", [("run", {})] * 4)
    edited(folder, 4, **changes)

    assert sizes(folder) == [3]


def test_a_name_is_no_pot(tmp_path: Path) -> None:
    """Runs of two commits under the default name are two sets, and those of an unknown commit none."""
    folder = storage(tmp_path / "s", [("run", {})] * 6)
    for number in (3, 4):
        edited(folder, number, id="another")
    for number in (5, 6):
        edited(folder, number, id="unversioned")

    assert sizes(folder) == [2, 2]


def test_runs_under_judgement_are_left_out(tmp_path: Path) -> None:
    """By their path before they are read, and by when they were measured: a copy of a run is the same run."""
    folder = storage(tmp_path / "s", [("run", {})] * 3 + [("baseline", {})] * 3)
    paths = sorted(folder.glob("*/*.json"))
    known = replicates(folder, reduce(load(paths[0])), (), None)

    assert sizes(folder, paths[0]) == [2, 3]
    assert sizes(folder, *paths[:3]) == [3]
    assert [len(some) for some in known.without([reduce(load(path)) for path in paths[:3]]).sets] == [3]
    assert known.without([]) == known
    assert known.without([reduce(load(path)) for path in paths]).sets == ()
    for number in (1, 2, 3):
        edited(folder, number + 3, datetime=json.loads(paths[number - 1].read_bytes())["datetime"])
    assert len(sizes(folder)) == 1, "a promoted copy counts once"


def test_the_newest_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many, the newest by the date in the file, whatever the file's own age."""
    folder = storage(tmp_path / "s", [("run", {})] * 6)
    for number, path in enumerate(sorted(folder.glob("*/*.json"))):
        os.utime(path, (1000 - number, 1000 - number))
    monkeypatch.setattr(stored, "MOST_STORED", 4)
    known = replicates(folder, reduce(load(next(folder.glob("*/0001*")))), (), None)

    assert sorted(Path(run.source).name[:4] for run in known.sets[0]) == ["0003", "0004", "0005", "0006"]


def test_reading_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where reading takes too long, it stops, and that is said."""
    folder = storage(tmp_path / "s", [("run", {})] * 6)
    monkeypatch.setattr(stored, "READING_SECONDS", 1e-9)
    known = replicates(folder, reduce(load(next(folder.glob("*/0001*")))), (), None)

    assert known.sets == ()
    assert "runs vary (1 of 6 were read in 0.0 s): a cautious guess is used" in known.note


def test_another_machine_serves_where_this_one_has_too_few(tmp_path: Path) -> None:
    """Ten runs of another machine tell more than two of this one; nine of this one are enough by themselves."""
    folder = storage(tmp_path / "s", [("here", {})] * 9 + [("there", {})] * 12)
    for number in range(10, 22):
        edited(folder, number, cpu_model="another")
    like = reduce(load(next(folder.glob("*/0001*"))))
    all_of_them = replicates(folder, like, (), None)
    for number in range(3, 10):
        edited(folder, number, dirty=True, id=str(number))
    few = replicates(folder, like, (), None)

    assert [len(some) for some in all_of_them.sets] == [9]
    assert "9 stored runs of this machine" in all_of_them.note
    assert [len(some) for some in few.sets] == [12]
    assert "12 stored runs of another machine (another, 2 CPUs)" in few.note


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff" * 99, b'{"datetime": 1,"benchmarks":['])
def test_what_is_no_run_tells_nothing(tmp_path: Path, data: bytes) -> None:
    """A damaged file among stored runs neither helps nor harms."""
    folder = storage(tmp_path / "s", [("run", {})] * 3)
    (next(folder.iterdir()) / "0004_run.json").write_bytes(data)

    assert sizes(folder) == [3]


def test_a_prior_is_the_spread_of_a_group_within_names() -> None:
    """Two sets that differ by a factor of two in their means, and by 3 % within: the variance is 0.0009 or so.

    Of the 20 degrees of freedom of 2 x 11 runs two count.
    """
    one, other = (
        sample(1, 11, sigma=0.03 * math.sqrt(3)),
        sample(2, 11, sigma=0.03 * math.sqrt(3), slower={"Pool.map": 2}),
    )
    tests, _ = groups(list(one[0].views), one, other)
    test = next(t for t in tests if (t.key.strategy, t.key.quantity) == ("Pool.map", "efficiency"))
    known = prior(test, [one, other])

    assert known is not None
    assert known.df == 2
    assert math.sqrt(known.variance) == pytest.approx(0.03, rel=0.35)
    assert prior(test, []) is None
    assert prior(test, [[replace(run, views={}) for run in one]]) is None


def test_a_noisy_day_counts() -> None:
    """If today's variances are all four times the stored ones, the prior is four times as large, less what chance does.

    The median of F with 4 and 20 degrees of freedom is 0.868 (any table).
    """
    noisy = [Estimate(4.0, 4, "a", Prior(1.0, 20)) for _ in range(9)]
    calm = [Estimate(0.25, 4, "a", Prior(1.0, 20)) for _ in range(9)]

    assert noise_of_today(noisy) == pytest.approx(4 / 0.868, rel=1e-3)
    assert noise_of_today(calm) == 1.0
    assert noise_of_today([]) == 1.0
    assert moderated(calm)[0] == pytest.approx(((4 * 0.25 + 20) / 24, 5))  # a degree of freedom is gained, no more
    assert moderated(calm, math.inf)[0] == pytest.approx(((4 * 0.25 + 20) / 24, 24))


def test_stored_runs_make_a_report_more_cautious_where_they_vary_more() -> None:
    """25 % more among runs that differ by 4 % is found less often if stored runs differed by 20 %."""
    known = Stored((sample(5, 10, sigma=0.2), sample(6, 10, sigma=0.2)))
    found = [0, 0]
    for seed in range(20):
        base, new = sample(seed, 3, sigma=0.04), sample(100 + seed, 3, sigma=0.04, slower={"Pool.map": 1.25})
        for place, some in enumerate((known, Stored())):
            regressed = compare(base, new, Rule(), (), some).regressed
            found[place] += bool(regressed)
            assert {group.strategy for group in regressed} <= {"Pool.map"}

    assert found[0] <= found[1] - 5


def test_a_cell_that_stored_runs_lack_has_the_cautious_prior() -> None:
    """Stored runs of other cells change nothing for those that they do not have."""
    base, new = sample(1, 3), sample(2, 3)
    others = [
        replace(run, views={f"x{name}": changed(view) for name, view in run.views.items()}) for run in sample(5, 10)
    ]

    assert compare(base, new, Rule(), (), Stored((others,))).groups == compare(base, new, Rule()).groups


def test_compare_says_what_it_knows(tmp_path: Path) -> None:
    """The command says from which runs it knows how far runs differ, and does without those under judgement."""
    folder = storage(tmp_path / "s", [*five("before"), *five("after"), *five("old"), *five("old")])
    code, out, err = report("compare", "before", "after", f"--storage={folder}")

    assert (code, err) == (0, "")
    assert "the spread between runs is known from 10 stored runs of this machine" in " ".join(out.split())
