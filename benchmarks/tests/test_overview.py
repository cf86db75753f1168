"""What a summary says beside its tables: what is missing, what to mistrust, where it comes from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.questions import families
from benchmarks.report import details, overview, runs
from benchmarks.report.overview import Overview
from benchmarks.report.samples import reduce
from benchmarks.tests.saved import document, five, report, storage


def shown(changed: Any) -> Overview:
    """Look over one run, given as a document."""
    return overview.of_run(runs.parse(json.dumps(changed).encode(), "test"))


def several(folder: Path, changes: dict[int, Any]) -> Overview:
    """Look over five runs of one name, some of which are changed by functions on their documents, by number."""
    saved = storage(folder, five("before"))
    found = []
    for number, path in enumerate(sorted(saved.glob("*/*.json")), 1):
        changed = json.loads(path.read_bytes())
        changes.get(number, lambda _document: None)(changed)
        path.write_text(json.dumps(changed))
        found.append(reduce(runs.load(path)))
    return overview.of_runs(found)


def put(*keys: str, value: Any) -> Any:
    """Return a function that puts a value into a document's suite."""

    def change(document: Any) -> None:
        place = document["suite"]
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return change


def lose_one(document: Any) -> None:
    """Make the first cell of a document one that failed."""
    document["suite"]["cells"][0].update(outcome="failed", reason="it broke")


def test_a_quiet_complete_run_has_nothing_to_warn_of() -> None:
    """No warning where nothing is wrong: on two CPUs a load of 1.0, nothing stolen, no quota."""
    changed = document()
    changed["suite"]["environment"].update(usable_cpus=2, affinity=2, quota=None)
    changed["suite"]["start"].update(load_average=1.0, stolen_seconds=10.0)
    changed["suite"]["end"].update(stolen_seconds=10.0)

    assert shown(changed).warnings == ()


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        (put("complete", value=False), "this run did not complete"),
        (
            put("start", "load_average", value=1.01),
            "the machine was busy when the run began (load average 1.01 on 2 CPUs)",
        ),
        (put("environment", "quota", value=1.5), "the container's quota is 1.5 CPUs, although 2 are visible"),
        (
            put("environment", "standard_library_cached", value=False),
            overview.NO_BYTECODE,
        ),
    ],
)
def test_warnings_of_one_run(change: Any, warning: str) -> None:
    """Each thing that makes numbers doubtful is said, and it alone."""
    changed = document()
    changed["suite"]["environment"].update(usable_cpus=2, affinity=2, quota=None)
    changed["suite"]["start"].update(load_average=0.5, stolen_seconds=0.0)
    changed["suite"]["end"].update(stolen_seconds=0.0)
    change(changed)

    assert shown(changed).warnings == (warning,)


def test_stolen_time_is_a_share_of_all_cpus() -> None:
    """3 s stolen of 50 s on two CPUs are 3 %, of which a run warns beyond 2 %."""
    changed = document()
    changed["suite"]["environment"].update(usable_cpus=2, affinity=2)
    changed["suite"]["start"].update(load_average=0.0, stolen_seconds=100.0)
    changed["suite"]["seconds"].update(wall=50.0, arms=20.0, pools=5.0)
    for end, warnings in ((101.9, ()), (103.0, ("the host took 3.0% of the CPU time away for other guests",))):
        changed["suite"]["end"].update(stolen_seconds=end)
        assert shown(changed).warnings == warnings

    assert "50 s, 50% of it inside the arms or making and ending pools" in shown(changed).heading


def test_warnings_of_several_runs(tmp_path: Path) -> None:
    """Of several runs it is said how many did not complete, and how much was stolen from how many."""

    def calm(document: Any) -> None:
        document["suite"]["start"]["stolen_seconds"] = document["suite"]["end"]["stolen_seconds"] = 0.0

    def cut(document: Any) -> None:
        calm(document)
        document["suite"]["complete"] = False

    def stolen(document: Any) -> None:
        calm(document)
        wall, cpus = document["suite"]["seconds"]["wall"], document["suite"]["environment"]["usable_cpus"]
        document["suite"]["end"]["stolen_seconds"] = 0.25 * wall * cpus

    quiet = several(tmp_path / "quiet", dict.fromkeys(range(1, 6), calm))
    found = several(tmp_path / "restless", {**dict.fromkeys(range(1, 6), calm), 2: cut, 4: stolen})

    assert quiet.warnings == ()
    assert found.warnings == (
        "1 of 5 runs did not complete",
        "the host took up to 25% of the CPU time away for other guests, in 1 run",
    )


def test_a_cell_that_some_runs_lack_is_missing(tmp_path: Path) -> None:
    """A cell that failed in two of five runs is no row, and is counted where it is missing."""
    found = several(tmp_path / "s", {2: lose_one, 5: lose_one})
    name = document()["suite"]["cells"][0]["id"].rpartition("/")[2]

    assert found.missing == {"missing from 2 of 5 runs": (name,)}
    assert name not in {row.place.id.rpartition("/")[2] for row in found.rows}
    assert found.planned == len(document()["suite"]["cells"])


def test_captions_say_what_bars_mean(tmp_path: Path) -> None:
    """Below a picture stands what its bars are, and of how many runs."""
    one, some = shown(document()), several(tmp_path / "s", {})

    assert one.caption.endswith("2026-11-22; bars with caps are 95% intervals for further runs")
    assert some.caption.endswith("5 runs, 2026-11-22; bars with caps are 95% intervals for further ones")


def test_a_fact_that_some_runs_do_not_tell(tmp_path: Path) -> None:
    """What only some of the runs tell may differ unseen, and is warned of; where all tell it and differ, it stops."""
    saved = storage(tmp_path / "s", [*five("before"), *five("after")])
    newer = sorted(saved.glob("*/*_after.json"))
    for path in newer:
        changed = json.loads(path.read_bytes())
        changed["suite"]["environment"]["standard_library_cached"] = True
        path.write_text(json.dumps(changed))
    code, out, _ = report("compare", "before", "after", f"--storage={saved}")

    assert code == 0
    assert "warning: standard_library_cached is not known of 5 of 10 runs, of the others True" in " ".join(out.split())

    for path in sorted(saved.glob("*/*_before.json")):
        changed = json.loads(path.read_bytes())
        changed["suite"]["environment"]["standard_library_cached"] = False
        path.write_text(json.dumps(changed))
    code, out, _ = report("compare", "before", "after", f"--storage={saved}")

    assert code == 3
    assert "NOT COMPARABLE: standard_library_cached: False against True" in out


def test_a_quota_that_is_none_is_known(tmp_path: Path) -> None:
    """No quota on one side and some on the other is a difference, not ignorance."""
    saved = storage(tmp_path / "s", [*five("before"), *five("after")])
    for path in saved.glob("*/*_after.json"):
        changed = json.loads(path.read_bytes())
        changed["suite"]["environment"]["quota"] = 1.5
        path.write_text(json.dumps(changed))
    code, out, _ = report("compare", "before", "after", f"--storage={saved}")

    assert code == 3
    assert "NOT COMPARABLE: quota: None against 1.5" in out
    assert "is not known" not in out


def off(document: Any, strategy: str, factor: float) -> None:
    """Put the null rows of a strategy off by a factor."""
    for benchmark in document["benchmarks"]:
        if benchmark["params"]["strategy"] == strategy:
            benchmark["stats"]["data"] = [seconds * factor for seconds in benchmark["stats"]["data"]]


def test_runs_whose_nulls_are_off_are_not_judged(tmp_path: Path) -> None:
    """Where the floor is 1.2 times the floor in every run, nothing is judged, whatever else changed."""
    saved = storage(tmp_path / "s", [*five("before"), *five("after", Pool_map=2.0)])
    for path in saved.glob("*/*.json"):
        changed = json.loads(path.read_bytes())
        off(changed, "floor", 1.2)
        path.write_text(json.dumps(changed))
    code, out, _ = report("compare", "before", "after", f"--storage={saved}")

    assert code == 3
    assert "NOT JUDGED" in out
    assert "REGRESSED" not in out.partition("Of ")[0].partition("NOT JUDGED")[2].partition("\n\n")[0]


def test_a_cell_skipped_in_one_run_and_lost_in_another_is_missing(tmp_path: Path) -> None:
    """A cell that no run could have is not missing; one that a single run skipped, and another lost, is."""
    saved = storage(tmp_path / "s", [*five("before"), *five("after")])
    name = document()["benchmarks"][0]["fullname"]

    def mark(number: int, outcome: str) -> None:
        path = next(saved.glob(f"*/{number:04}_*"))
        changed = json.loads(path.read_bytes())
        changed["benchmarks"] = [b for b in changed["benchmarks"] if b["fullname"] != name]
        next(cell for cell in changed["suite"]["cells"] if cell["id"] == name).update(outcome=outcome, reason=None)
        path.write_text(json.dumps(changed))

    mark(1, "skipped")
    mark(7, "interrupted")
    code, _, _ = report("compare", "before", "after", f"--storage={saved}", f"--json={tmp_path / 'x.json'}")
    result = json.loads((tmp_path / "x.json").read_bytes())

    assert code == 3
    assert result["missing"] == [name]
    assert (result["failed"], result["vanished"]) == ([], [])

    for number in range(1, 11):
        mark(number, "skipped")
    assert report("compare", "before", "after", f"--storage={saved}", f"--json={tmp_path / 'x.json'}")[0] == 0
    assert json.loads((tmp_path / "x.json").read_bytes())["missing"] == []


def test_an_empty_folder_has_no_runs(tmp_path: Path) -> None:
    """A folder without runs is an error in one line, and so is one whose only runs are deeper."""
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "0001_x.json").write_text("{}")
    code, out, err = report("summary", str(tmp_path))

    assert (code, out) == (2, "")
    assert err == f"error: no *.json directly in the folder {tmp_path}: name one that has runs in it\n"


def test_cpu_times_of_the_floor_are_not_negative(tmp_path: Path) -> None:
    """No process gives CPU time back."""
    changed = document()
    cell = next(entry for entry in changed["benchmarks"] if entry["extra_info"]["floor_cpu_seconds"])
    cell["extra_info"]["floor_cpu_seconds"][0] = -1e-9
    path = tmp_path / "0001_x.json"
    path.write_text(json.dumps(changed))

    assert "Expected `float` >= 0.0" in report("summary", str(path))[2]


def test_seven_strategies_are_seven_lines(tmp_path: Path) -> None:
    """Each strategy has a line of its own in a picture, told apart from all others, however many there are."""
    pytest.importorskip("matplotlib", reason="Matplotlib is an extra")
    from benchmarks.report.plots import _looks  # noqa: PLC0415 - needs Matplotlib

    changed = document()
    names = [f"strategy {number}" for number in range(7)]
    pattern = [b for b in changed["benchmarks"] if "bench_speedup" in b["fullname"] and "Pool.map" in b["fullname"]]
    for name in names:
        for benchmark in json.loads(json.dumps(pattern)):
            benchmark["fullname"] = benchmark["fullname"].replace("Pool.map", name)
            benchmark["params"]["strategy"] = name
            changed["benchmarks"].append(benchmark)
            changed["suite"]["cells"].append({"id": benchmark["fullname"], "outcome": "measured", "reason": None})
    path = tmp_path / "0001_x.json"
    path.write_text(json.dumps(changed))
    code, _, err = report("plot", str(path), f"--folder={tmp_path}")
    picture = (tmp_path / "speedup.svg").read_text()

    assert (code, err) == (0, "")
    assert [name for name in names if f"<!-- {name} -->" not in picture] == []
    assert len(set(_looks(36))) == 36


def test_the_start_up_table_fits_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """All workloads by forkserver, in the narrowest terminal that is usual."""
    monkeypatch.setenv("COLUMNS", "80")
    changed = document()
    for benchmark in changed["benchmarks"]:
        if benchmark["extra_info"]["family"] == "startup":
            benchmark["params"].update(workload="heavy import", start_method="forkserver")
            for measure in benchmark["extra_info"]["measures"].values():
                measure["values"] = [seconds * 10 for seconds in measure["values"]]
    lines = list(details.details(shown(changed), families(), 80))
    start = next(place for place, line in enumerate(lines) if line.startswith("STARTUP"))

    assert max(map(len, lines[start:])) <= 80
