"""What a comparison says first: what it found, and what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.tests.saved import document, five, report, storage


def first(*arguments: str) -> tuple[int, str]:
    """Return the exit code of a comparison, and its first paragraph on one line."""
    code, out, err = report("compare", *arguments)
    assert err == ""
    return code, " ".join(out.partition("\n\n")[0].split())


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a storage option: five runs of a program, of the same again, of a slower Pool.map, and all faster."""
    runs = [*five("before"), *five("same"), *five("after", Pool_map=1.2), *five("faster", Pool_map=0.8)]
    return f"--storage={storage(tmp_path_factory.mktemp('findings') / 's', runs)}"


def test_what_regressed_is_named_with_its_largest_change(saved: str) -> None:
    """A strategy that takes a fifth longer, the families in which it does, and where to look."""
    code, text = first("before", "after", saved)

    assert code == 1
    assert text.startswith("REGRESSED: Pool.map in dispatch, speedup and startup; largest in ")
    assert text.endswith("The cells below say where.")


def test_what_improved_is_named_and_fails_nothing(saved: str) -> None:
    """Turned round, nothing regressed, and the same strategy improved."""
    code, text = first("before", "faster", saved)

    assert code == 0
    assert text.startswith(
        "No strategy is known to have regressed. IMPROVED: Pool.map in dispatch, speedup and startup;"
    )


def test_nothing_changed_is_said_with_what_that_means(saved: str) -> None:
    """Of the same program again all tests are unchanged, or it is said what it would take to tell."""
    code, text = first("before", "same", saved)

    assert code == 0
    assert text.startswith("No strategy is known to have regressed.")
    assert "unchanged within 5.0%" in text or "inconclusive: detecting a change of 5.0% takes" in text


def test_what_cannot_be_compared_says_why_and_stops(tmp_path: Path) -> None:
    """Of other workers there is no table, only the reason and what to do."""
    folder = storage(tmp_path / "s", [*five("before"), *five("after")])
    for path in folder.glob("*/*_after.json"):
        changed: Any = json.loads(path.read_bytes())
        changed["suite"]["environment"]["usable_cpus"] = 7
        path.write_text(json.dumps(changed))
    code, out, err = report("compare", "before", "after", f"--storage={folder}")

    assert (code, err) == (3, "")
    assert out.startswith("NOT COMPARABLE: ")
    assert "allow the difference with --across." in " ".join(out.split())
    assert "interval" not in out


def test_rows_that_say_nothing_are_counted(tmp_path: Path) -> None:
    """Tests at p = 1 that are inconclusive are not printed, unless all cells are asked for."""
    folder = storage(tmp_path / "s", [*five("before"), *five("after")])
    for number, path in enumerate(sorted(folder.glob("*/*.json"))):
        changed: Any = json.loads(path.read_bytes())
        for benchmark in changed["benchmarks"]:
            if "bench_startup" in benchmark["fullname"]:
                wild = 1 + 0.5 * (number % 2)
                benchmark["stats"]["data"] = [seconds * wild for seconds in benchmark["stats"]["data"]]
        path.write_text(json.dumps(changed))
    _, out, _ = report("compare", "before", "after", f"--storage={folder}")
    _, whole, _ = report("compare", "before", "after", "--cells", f"--storage={folder}")

    assert "inconclusive at p = 1, not shown (--cells shows them)." in " ".join(out.split())
    assert "startup" not in out.partition("\n\n")[2].partition("inconclusive at p = 1")[0].partition("quantity")[2]
    assert "startup" in whole


def test_a_family_that_favours_an_arm_alone_leaves_nothing_to_judge(tmp_path: Path) -> None:
    """Where every family's null rows are off, that is said first, and there is no table."""
    folder = storage(tmp_path / "s", [*five("before"), *five("after")])
    for path in folder.glob("*/*.json"):
        changed: Any = json.loads(path.read_bytes())
        for benchmark in changed["benchmarks"]:
            if benchmark["params"]["strategy"] == "floor":
                benchmark["stats"]["data"] = [seconds * 1.3 for seconds in benchmark["stats"]["data"]]
        path.write_text(json.dumps(changed))
    families = {benchmark["extra_info"]["family"] for benchmark in document()["benchmarks"]}
    nulls = {b["extra_info"]["family"] for b in document()["benchmarks"] if b["params"]["strategy"] == "floor"}
    code, out, _ = report("compare", "before", "after", f"--storage={folder}", "--only", min(nulls & families))

    assert code == 3
    assert out.startswith(f"NOTHING JUDGED: the measurement favours an arm in {min(nulls & families)}.")


def test_changes_can_be_drawn(saved: str, tmp_path: Path) -> None:
    """`--picture` draws what is judged, and one that cannot be written is one line beside the comparison."""
    pytest.importorskip("matplotlib", reason="Matplotlib is an extra")
    code, out, err = report("compare", "before", "after", saved, f"--picture={tmp_path / 'changes.svg'}")
    picture = (tmp_path / "changes.svg").read_text(encoding="utf-8")

    assert (code, err) == (1, "")
    assert "<!-- dispatch: Pool.map: overhead, short -->" in picture
    assert "<!-- REGRESSED -->" in picture

    code, again, err = report("compare", "before", "after", saved, f"--picture={tmp_path / 'no' / 'such.svg'}")

    assert (code, again) == (2, out)
    assert err.startswith(f"error: --picture {tmp_path / 'no' / 'such.svg'}: cannot be written (")
    assert err.count("\n") == 1
