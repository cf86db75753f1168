"""Every command of the report, against what was read by eye."""

from __future__ import annotations

import difflib
from pathlib import Path

import pytest

from benchmarks.report.program import python
from benchmarks.tests.saved import DATA, five, report, storage

GOLDEN = Path(__file__).parent / "golden"
OTHERS = DATA.with_name("0002_others.json")

COMMANDS = {
    "digest": ("summary", str(DATA)),
    "digest-others": ("summary", str(OTHERS)),
    "digest-several": ("summary", "before"),
    "summary": ("summary", str(DATA), "--all"),
    "summary-others": ("summary", str(OTHERS), "--all"),
    "summary-several": ("summary", "before", "--all"),
    "compare": ("compare", "before", "after"),
    "compare-cells": ("compare", "before", "after", "--cells", "--only", "dispatch"),
    "compare-single": ("compare", "1", "6"),
    "noise": ("noise", "before"),
    "matrix": ("matrix", "before", "after", "faster", "--only", "speedup"),
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a storage: five runs of a program, five with a slower Pool.map, and five in which all is faster."""
    runs = [*five("before"), *five("after", Pool_map=1.2), *five("faster", **{"": 0.8})]
    return storage(tmp_path_factory.mktemp("golden") / "saved", runs)


def golden(name: str, text: str, pytestconfig: pytest.Config) -> None:
    """Compare with a golden file, or write it anew."""
    path = GOLDEN / f"{name}.txt"
    if pytestconfig.getoption("update_golden"):
        path.write_text(text, encoding="utf-8")
    expected = path.read_text(encoding="utf-8")

    assert text == expected, "".join(difflib.unified_diff(expected.splitlines(True), text.splitlines(True)))


@pytest.mark.parametrize("width", [80, 160])
@pytest.mark.parametrize("name", COMMANDS)
def test_command(
    name: str, width: int, saved: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config
) -> None:
    """A command prints what was read by eye; no line is wider than the terminal, but for paths and names."""
    monkeypatch.setenv("COLUMNS", str(width))
    _, out, err = report(*COMMANDS[name], f"--storage={saved}")
    out = out.replace(str(saved), "SAVED").replace(f"{DATA.parent}/", "").replace(python(), "python")

    assert err == ""
    assert max(len(line) for line in out.splitlines() if "-m benchmarks.report" not in line) <= width
    golden(f"{name}-{width}", out, pytestconfig)


@pytest.mark.parametrize("table_format", ["github", "tsv"])
def test_format(table_format: str, saved: Path, pytestconfig: pytest.Config) -> None:
    """A table can be had in any format of tabulate's, whatever the width."""
    _, out, _ = report("compare", "before", "after", "--format", table_format, f"--storage={saved}")
    golden(f"compare-{table_format}", out, pytestconfig)


@pytest.mark.parametrize("command", ["", "summary", "compare", "noise", "matrix", "plot"])
def test_help(command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command's help shows an example of it, which the parser takes."""
    monkeypatch.setenv("COLUMNS", "100")
    code, _, _ = report(*command.split(), "--help")
    text = capsys.readouterr().out

    assert code == 0
    assert f"  python -m benchmarks.report {command}".rstrip() in text
    assert max(map(len, text.splitlines())) <= 120
