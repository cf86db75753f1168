"""The digest: one screen that has every answer, and the last thing that a run prints."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.questions import families
from benchmarks.report import overview, runs
from benchmarks.report.digest import digest
from benchmarks.report.paint import GAIN, LOSS, paint_for, with_colour, without_colour
from benchmarks.report.runs import BASELINE, find
from benchmarks.report.table import COLOUR
from benchmarks.tests.conftest import ROOT, Project
from benchmarks.tests.saved import DATA, document, report, storage

LINES, COLUMNS = 40, 80

BASELINES = find(ROOT / ".benchmarks", BASELINE)


def of(changed: Any) -> list[str]:
    """Return the digest of a run that is given as a document."""
    return list(digest(overview.of_run(runs.parse(json.dumps(changed).encode(), "test")), families()))


@pytest.mark.parametrize("path", BASELINES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_default_run_fits_one_screen(path: Path) -> None:
    """At most forty lines of eighty columns, with each of its questions, whatever the version of Python."""
    run = runs.load(path)
    lines = list(digest(overview.of_run(run), families()))
    closing = 3  # where it was saved, and the commands that come next

    assert len(lines) + closing <= LINES
    assert max(map(len, lines)) <= COLUMNS
    for name in run.families:
        assert [line for line in lines if line.startswith(f"{families()[name].topic} ")], name
    assert [line for line in lines if line.startswith("noise check")]


def test_the_report_shows_the_digest_and_all_tables_on_request(tmp_path: Path) -> None:
    """Without arguments the latest run's digest; with --all, --only or --format the tables, speedup first."""
    folder = storage(tmp_path / "s", [("run", {})])
    code, short, err = report(f"--storage={folder}")
    _, whole, _ = report("--all", f"--storage={folder}")
    _, one, _ = report("--only", "dispatch", f"--storage={folder}")
    _, named, _ = report("summary", "run", "--all", f"--storage={folder}")

    assert (code, err) == (0, "")
    assert "worth a pool" in short
    assert "SPEEDUP:" not in short
    titles = re.findall(r"^[A-Z]+(?=: )", whole, re.MULTILINE)
    assert titles[0] == "SPEEDUP"
    assert len(titles) > 1
    assert re.findall(r"^[A-Z]+(?=: )", one, re.MULTILINE) == ["DISPATCH"]
    assert named == whole
    assert whole.count("Noise check") == 1
    assert f"summary {DATA} --all" in report("summary", str(DATA))[1]


def test_gains_and_losses_have_colours_and_doubts_have_none() -> None:
    """Green where the whole interval is above 1, red where it is below; colours take no room."""
    shown = overview.of_run(runs.load(BASELINES[0]))
    plain = list(digest(shown, families()))
    painted = list(digest(shown, families(), paint=with_colour))

    assert [COLOUR.sub("", line) for line in painted] == plain
    text = "\n".join(painted)
    gains, losses = (re.findall(rf"\x1b\[{what}m[\d.]+ \[([\d.]+), ([\d.]+)\]\x1b", text) for what in (GAIN, LOSS))
    assert gains
    assert losses
    assert all(float(low) > 1 for low, _ in gains)
    assert all(float(high) < 1 for _, high in losses)
    for low, high in re.findall(
        r"(?<!m)(?<![\d.])[\d.]+ \[([\d.]+), ([\d.]+)\](?!\x1b)",
        "\n".join(line for line in painted[2:9] if "pays at" not in line),
    ):
        assert float(low) <= 1 <= float(high)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file and a pipe get none, nor does a terminal under NO_COLOR or one that is dumb."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert paint_for(Terminal()) is with_colour
    assert paint_for(io.StringIO()) is without_colour
    monkeypatch.setenv("TERM", "dumb")
    assert paint_for(Terminal()) is without_colour
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert paint_for(Terminal()) is without_colour


def test_what_was_not_measured_is_counted_by_why() -> None:
    """How many there are of how many, and the most frequent reason."""
    changed = document()
    cells = changed["suite"]["cells"]
    for place, reason in enumerate(("b", "a", "a", "c", "d")):
        cells[place].update(outcome="failed", reason=reason)
    text = " ".join(" ".join(of(changed)).split())

    assert f"not measured 5 of {len(cells)} (2: failed: a)" in text


def test_more_strategies_than_there_is_room_for() -> None:
    """The table has the first three; the others are named, with where to find them."""
    changed = document()
    pattern = [b for b in changed["benchmarks"] if "bench_speedup" in b["fullname"] and "Pool.map" in b["fullname"]]
    for name in ("an.engine", "b.engine"):
        for benchmark in json.loads(json.dumps(pattern)):
            benchmark["fullname"] = benchmark["fullname"].replace("Pool.map", name)
            benchmark["params"]["strategy"] = name
            changed["benchmarks"].append(benchmark)
            changed["suite"]["cells"].append({"id": benchmark["fullname"], "outcome": "measured", "reason": None})
    lines = of(changed)

    assert max(map(len, lines)) <= COLUMNS
    assert "shown by --only speedup: an.engine, b.engine" in lines


MEASURED = 'FAMILY = family("fine", strategies=("Pool.map", "Pool.imap"))\n'


def test_the_digest_is_the_last_that_a_run_prints(project: Project) -> None:
    """Below the failures and pytest's short summary: the digest, where the run was saved, and what to do next."""
    project.write('def broken(n):\n    raise ValueError("no")\n' 'workload("broken", broken)\n'
                  'FAMILY = family("fine", "broken")\n')  # fmt: skip
    result = project.measure()
    text = result.stdout
    order = [
        "FAILURES",
        "short test summary info",
        "process pools: digest",
        "not measured",
        "saved    ",
        "all tables",
        "1 failed",
    ]
    places = [text.index(word) for word in order]

    assert places == sorted(places)
    assert "TROUBLE:" not in text
    assert len(text[places[2] :].strip().splitlines()) <= LINES


def test_all_tables_come_before_the_digest_with_v(project: Project) -> None:
    """`-v` prints the tables, and then the digest all the same."""
    project.write(MEASURED)
    text = project.measure("-v").stdout

    assert text.index("TROUBLE:") < text.index("noise check")


def test_a_line_a_family_says_how_long_it_still_takes(project: Project) -> None:
    """Before a file's first cell: how many it has, and what all that is left takes; less before the second file."""
    project.write(MEASURED)
    project.write(
        'FAMILY = family("fine", name="other")\ndef bench_other(cell, measure):\n    measure(cell)\n', "bench_zz.py"
    )
    text = project.measure("--benchmark-max-time=2").stdout
    found = re.findall(r"^(bench_\w+) +(\d+) cells?, +about (\d+):(\d\d) left (\.+)", text, re.MULTILINE)

    assert [(name, number, dots) for name, number, _, _, dots in found] == [
        ("bench_trouble", "2", ".."), ("bench_zz", "2", ".."),
    ]  # fmt: skip
    left = [60 * int(minutes) + int(seconds) for _, _, minutes, seconds, _ in found]
    assert left[0] > left[1] > 0
    assert "left" not in project.measure("-q").stdout.partition("digest")[0]
