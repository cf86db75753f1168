"""What a program prints gets there, or one line says why not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.tests.saved import DATA, five, storage

ROOT = Path(__file__).parents[2]
REPORT = [sys.executable, "-m", "benchmarks.report"]
FAULTY = "from benchmarks.report.program import run_program\ndef main(*_):\n    {}\nraise SystemExit(run_program(main))"


def run(*command: str, stdout: int | None = subprocess.PIPE, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command at the suite's root."""
    return subprocess.run(
        command,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={**os.environ, **environment},
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("command", [["summary", str(DATA)], ["compare", str(DATA), str(DATA)]])
def test_a_full_disk(command: list[str]) -> None:
    """Output that cannot be written is a fault in one line, and not the exit code of a regression."""
    with Path("/dev/full").open("w") as full:
        result = run(*REPORT, *command, stdout=full.fileno())

    assert (result.returncode, result.stderr) == (2, "error: standard output: No space left on device\n")


@pytest.mark.skipif(shutil.which("sh") is None, reason="no shell to close outputs")
def test_closed_outputs() -> None:
    """A closed standard output is said on standard error; with both closed the exit code is left."""
    command = f"{sys.executable} -m benchmarks.report summary {DATA}"

    assert run("sh", "-c", f"{command} >&-").stderr == "error: standard output is closed: give it somewhere to go\n"
    assert run("sh", "-c", f"{command} >&-").returncode == 2
    assert run("sh", "-c", f"{command} >&- 2>&-").returncode == 2


def test_a_terminal_of_few_letters(tmp_path: Path) -> None:
    """What an ASCII terminal cannot show is written as an escape."""
    path = tmp_path / "mess\u00e9.json"
    path.write_bytes(DATA.read_bytes())
    result = run(*REPORT, "summary", str(path), PYTHONIOENCODING="ascii")

    assert (result.returncode, result.stderr) == (0, "")
    assert "mess\\xe9.json, 2026" in result.stdout


def test_a_reader_that_has_gone_hides_no_regression(tmp_path: Path) -> None:
    """Output that is read to its end comes with the exit code of what it says."""
    folder = storage(tmp_path / "s", [*five("before"), *five("after", Pool_map=2.0)])
    result = run(*REPORT, "compare", "before", "after", f"--storage={folder}")

    assert result.returncode == 1
    assert "REGRESSED" in result.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_errors_that_cannot_be_told() -> None:
    """An error that nobody can be told of is still an error, and no regression."""
    with Path("/dev/full").open("w") as full:
        result = subprocess.run([*REPORT, "summary", "no such run"], stderr=full, cwd=ROOT, timeout=60)

    assert result.returncode == 2


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ("raise ValueError('a\\nb')", 2, "error: this program has a fault: ValueError: a b\n"),
        ("raise RecursionError", 2, "error: this program has a fault: RecursionError: \n"),
        ("raise KeyboardInterrupt", 130, "error: interrupted\n"),
        ("raise FileNotFoundError(2, 'No such file or directory', 'x')", 2, "error: x: No such file or directory\n"),
    ],
)
def test_whatever_goes_wrong_is_one_line(body: str, code: int, message: str) -> None:
    """No exception ends a program with a traceback, or with the code that says that something regressed."""
    result = run(sys.executable, "-c", FAULTY.format(body))

    assert (result.returncode, result.stderr) == (code, message)
