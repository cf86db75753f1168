"""Sides measured in turn, on real pools, and compared."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from threading import Thread, main_thread
from time import monotonic, sleep
from typing import Any

import pytest
import yaml

from benchmarks import alternate
from benchmarks.alternate import Side, main, parse_side
from benchmarks.measuring.lock import LOCK
from benchmarks.tests.conftest import ROOT, TIMEOUT
from benchmarks.tests.saved import five, storage

# no null rows: a single one of few runs, all as short as this, would silence the gate every now and then
QUICK = [
    "benchmarks/bench_speedup.py",
    "-p",
    "no:cacheprovider",
    "--sizes=1e3",
    "--strategies=Pool.map,Pool.imap",
    "--benchmark-max-time=0.1",
]
WORKFLOW = ROOT / ".github" / "workflows" / "compare.yml"

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="revisions need git")


@pytest.fixture(autouse=True)
def outside_of_these_tests(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let pytest's own variables be: a run below a worker of xdist would not measure. Nor would one beside another."""
    for name in [name for name in os.environ if name.startswith("PYTEST_XDIST")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv(LOCK, str(tmp_path / "lock"))


def run(*arguments: str) -> tuple[int, str, str]:
    """Run the program; return its exit code and what it wrote."""
    out, err = io.StringIO(), io.StringIO()
    return main(arguments, out, err), out.getvalue(), err.getvalue()


def saved(folder: Path) -> list[str]:
    """Return what the runs of a storage were saved as, in the order of their numbers."""
    return [path.stem[5:] for path in sorted(folder.glob("*/*.json"))]


def git(folder: Path, *arguments: str) -> str:
    """Run git; return what it prints."""
    who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org", "-c", "init.defaultBranch=main"]
    return subprocess.run(
        ["git", *who, *arguments], cwd=folder, capture_output=True, text=True, timeout=TIMEOUT, check=True
    ).stdout.strip()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository with two revisions of the suite: the files that are here, then with a slower Pool.map."""
    folder = tmp_path_factory.mktemp("repository")
    files = (ROOT / "benchmarks").rglob("*.py")
    for path in (*files, *(ROOT / name for name in ("conftest.py", "pyproject.toml", "README.md"))):
        copy = folder / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "base")
    pools = folder / "benchmarks" / "strategies" / "pools.py"
    text = pools.read_text(encoding="utf-8")
    old = "return partial(pool.map, job.function,"
    slower = "pause = partial(__import__('time').sleep, 0.02)\n    return lambda: pause() or pool.map(job.function,"

    assert text.count(old) == 1
    pools.write_text(text.replace(old, slower), encoding="utf-8")
    git(folder, "commit", "-qam", "head")
    return folder


def test_sides_take_turns(tmp_path: Path) -> None:
    """Two sides with two turns are measured A B A B and compared at the end, though their workers differ."""
    folder = tmp_path / "runs"
    sides = [f"one=python:{sys.executable}", "two=options:--workers 3"]
    code, out, err = run(*sides, "--turns=2", f"--storage={folder}", "--", *QUICK)
    lines = out.splitlines()

    assert (code in {0, 1, 3}, err) == (True, "")
    assert saved(folder) == ["one", "two", "one", "two"]
    assert lines[0] == "run 1 of 4: one"
    assert [line.partition(",")[0] for line in lines[1:4]] == ["run 2 of 4: two", "run 3 of 4: one", "run 4 of 4: two"]
    assert all(line.endswith(" s left") for line in lines[1:4])
    assert lines[5].startswith("NO VERDICT (needs 3 runs on each side): ")  # whatever these few runs say
    assert "\none (2 runs) against two (2 runs)." in out
    assert "NOT COMPARABLE" not in out
    assert "NO VERDICT (needs 3 runs on each side)" in out
    assert "For a verdict, measure one once more: pytest --benchmark-only --benchmark-save=one" in " ".join(out.split())


def given_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unlucky: int | None = None) -> None:
    """Have runs that were saved before stand in for measuring, in turn; the `unlucky`-th of them fails."""
    given = sorted(storage(tmp_path / "given", [("run", {})] * 3).glob("*/*.json"))
    calls = count()

    def measured(command: list[str], _folder: Path) -> tuple[int, str]:
        number = next(calls)
        if number == unlucky:
            return 3, "the roof fell in\n"
        name = next(word for word in command if word.startswith("--benchmark-save=")).partition("=")[2]
        kept = Path(next(word for word in command if word.startswith("--benchmark-storage=")).partition("file://")[2])
        source = given[number % len(given)]
        folder = kept / source.parent.name
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, folder / f"{len(list(folder.iterdir())) + 1:04}_{name}.json")
        return 0, ""

    monkeypatch.setattr(alternate, "_run", measured)


def test_it_stops_when_more_turns_would_decide_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of at most eight turns of two sides that differ in nothing, three are taken; with --fixed all of them."""
    given_runs(tmp_path, monkeypatch)
    sides = ["one=options:-q", "two=options:-q"]
    code, out, err = run(*sides, f"--storage={tmp_path / 'runs'}")
    _, fixed, _ = run(*sides, "--turns=4", "--fixed", f"--storage={tmp_path / 'fixed'}")

    assert (code, err) == (0, "")
    assert "  turn 3 of at most 8: 0 changed, 2" in out
    assert " unchanged, 0 open, " in out
    assert " at this look" in " ".join(out.split())
    assert " at this look" not in " ".join(fixed.split())
    assert "stopped after turn 3: more of them would decide nothing" in out
    assert saved(tmp_path / "runs") == ["one", "two"] * 3
    assert "turn 3" not in fixed
    assert saved(tmp_path / "fixed") == ["one", "two"] * 4


def test_a_run_that_failed_is_no_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one of the first three runs of a side fails, the first look is a turn later, and nothing else is lost."""
    given_runs(tmp_path, monkeypatch, unlucky=3)
    code, out, err = run("one=options:-q", "two=options:-q", f"--storage={tmp_path / 'runs'}")

    assert (code, err) == (0, "")
    assert "  left out: two: the roof fell in; " in out
    assert saved(tmp_path / "runs") == ["one", "two", "one", "one", "two", "one", "two"]
    assert "stopped after turn 3" in out
    assert "one (4 runs) against two (3 runs)." in out


@needs_git
def test_three_revisions_make_a_matrix(tmp_path: Path, repository: Path) -> None:
    """Each revision is measured in a checkout of its own, gone afterwards; more than two sides are a matrix."""
    folder = tmp_path / "runs"
    sides = ["base=revision:HEAD~", "head=revision:HEAD", "here=options:-q"]
    command = [sys.executable, "-m", "benchmarks.alternate", *sides, "--turns=1", f"--storage={folder}", "--"]
    result = subprocess.run([*command, *QUICK], cwd=repository, capture_output=True, text=True, timeout=TIMEOUT)
    medians: dict[str, float] = {}
    for path in folder.glob("*/*.json"):
        cells: list[dict[str, Any]] = json.loads(path.read_bytes())["benchmarks"]
        medians[path.stem[5:]] = next(c["stats"]["median"] for c in cells if c["params"]["strategy"] == "Pool.map")

    assert (result.returncode, result.stderr) == (0, "")
    assert medians["base"] < 0.02 < medians["head"]
    assert medians["here"] > 0.02, "what is here is the head"
    assert "Each is judged against 'base'" in result.stdout
    assert git(repository, "worktree", "list").count("\n") == 0


@needs_git
def test_workflow_finds_what_got_slower(tmp_path: Path, repository: Path) -> None:
    """The workflow's own commands, but for the set-up, measure two revisions, show a table and fail for the slower."""
    workflow = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    steps = {step["name"]: step["run"] for step in workflow["jobs"]["compare"]["steps"] if "run" in step}
    environment = {
        **os.environ,
        **{name: str(value) for name, value in workflow["env"].items()},
        "BASE": git(repository, "rev-parse", "HEAD~"),
        "HEAD": git(repository, "rev-parse", "HEAD"),
        "TURNS": "5",  # beside other tests the other arms are so restless that three leave the cause unclear
        "OPTIONS": " ".join(QUICK),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    codes = {}
    for name, command in steps.items():
        if name != "set up":
            codes[name] = subprocess.run(
                ["bash", "-e", "-o", "pipefail", "-c", command], cwd=repository, env=environment, timeout=TIMEOUT
            ).returncode
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")

    assert codes == {"measure in turn": 0, "show the comparison": 0, "fail if head is worse": 1}
    assert "stopped after turn" in summary or "run 6 of 6" in summary
    assert "REGRESSED (strategy)" in summary


@needs_git
@pytest.mark.parametrize(
    ("side", "message"),
    [
        ("one=options:--no-such", "error: one: python -m pytest: error: unrecognized arguments: --no-such; "),
        ("one=options:--collect-only", "error: one: "),
        ("one=revision:no-such", "invalid reference: no-such"),
        ("two=options:-v", "each with a name of its own"),
    ],
)
def test_faults(tmp_path: Path, side: str, message: str) -> None:
    """What cannot be measured is an error in one line, with exit code 2, and leaves no checkout behind."""
    before = git(ROOT, "worktree", "list")
    code, _, err = run(side, "two=options:-q", f"--storage={tmp_path}", "--", *QUICK)

    assert (code, err.count("\n")) == (2, 1)
    assert message in err
    assert git(ROOT, "worktree", "list") == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("#!/bin/sh\necho No module named pytest; exit 1\n", "error: one: No module named pytest; "),
        ("no program", "python cannot be run (Exec format error)"),
    ],
    ids=["without pytest", "no program"],
)
def test_an_interpreter_that_cannot_measure(tmp_path: Path, content: str, message: str) -> None:
    """An interpreter that ends as pytest does when cells failed, and saves nothing, has not measured."""
    python = tmp_path / "python"
    python.write_text(content)
    python.chmod(0o755)
    code, out, err = run(f"one=python:{python}", "two=options:-q", f"--storage={tmp_path}")

    assert (code, err.count("\n"), out) == (2, 1, "run 1 of 16: one\n")
    assert message in err


def test_git_that_does_not_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A git that hangs is an error in one line."""

    def hang(command: list[str], **_: object) -> None:
        raise subprocess.TimeoutExpired(command, 120)

    monkeypatch.setattr(subprocess, "run", hang)
    code, _, err = run("one=revision:HEAD", "two=options:-q", f"--storage={tmp_path}")

    assert (code, err.count("\n")) == (2, 1)
    assert err.endswith("HEAD did not end within two minutes\n")


@pytest.mark.skipif(os.name != "posix", reason="process groups as of POSIX")
def test_what_does_not_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes_of: Callable[[str], list[int]]
) -> None:
    """A run that goes on after an interrupt is killed in the end, with what it has started."""
    monkeypatch.setattr(alternate, "GRACE", 0.5)
    monkeypatch.setenv("STUBBORN", str(tmp_path))
    script = tmp_path / "stubborn.sh"
    script.write_text(f"trap '' INT\nsleep 600 &\ntouch {tmp_path / 'started'}\nwait\n")

    def interrupt() -> None:
        while not (tmp_path / "started").exists():
            sleep(0.01)
        signal.pthread_kill(main_thread().ident or 0, signal.SIGINT)

    thread = Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        alternate._run(["sh", str(script)], tmp_path)
    thread.join(TIMEOUT)

    assert processes_of(f"STUBBORN={tmp_path}") == []


def test_a_later_fault_costs_itself_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A side that was measured once may fail later: it is told, and the other runs go on and are compared."""
    folder, real, calls = tmp_path / "runs", alternate._run, iter(range(4))

    def third_time_unlucky(command: list[str], where: Path) -> tuple[int, str]:
        return (3, "the roof fell in\n") if next(calls) == 2 else real(command, where)

    monkeypatch.setattr(alternate, "_run", third_time_unlucky)
    _, out, err = run("a=options:-q", "b=options:-q", "--turns=2", f"--storage={folder}", "--", *QUICK)

    assert err == ""
    assert saved(folder) == ["a", "b", "b"]
    assert "  left out: a: the roof fell in; " in out
    assert "a (1 run) against b (2 runs)." in out


def test_old_runs_are_not_mixed_in(tmp_path: Path) -> None:
    """A name that the storage has runs of already is refused: a name stands for all of them."""
    folder = storage(tmp_path / "s", five("before"))
    code, _, err = run("before=options:-q", "after=options:-q", f"--storage={folder}")

    assert (code, err) == (2, f"error: {folder} has runs saved as 'before': take another name or --storage\n")


def test_a_name_that_the_report_would_take_for_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A side called like a folder that is here would be compared with what lies in that folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old").mkdir()
    code, _, err = run("old=options:-q", "new=options:-q")

    assert code == 2
    assert err == "error: 'old' is a file or folder here, which the report would read: take another name\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not NAME=KIND:VALUE with a KIND of python, tox, revision, options"),
        ("one=python:", "is not NAME=KIND:VALUE"),
        ("one=ruby:x", "is not NAME=KIND:VALUE"),
        ("a/b=options:-q", "a name for runs has letters and digits"),
        ("=options:-q", "a name for runs has letters and digits"),
        ("..=options:-q", "a name for runs has letters and digits"),
        ("one=python:/no/such/python", "there is no program /no/such/python"),
        ("one=options:-k 'x", "No closing quotation"),
    ],
)
def test_sides_that_are_none(text: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A side that is not NAME=KIND:VALUE is a usage error that says what it should be."""
    assert run(text, "two=options:-q")[0] == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("turns", ["0", "-1", "x"])
def test_turns_that_are_none(turns: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A number of turns below one is a usage error."""
    assert run("one=options:-q", "two=options:-q", f"--turns={turns}")[0] == 2
    assert f"argument --turns: '{turns}' is not a number of runs" in capsys.readouterr().err


def test_a_virtual_environment_is_not_left_by_its_link(tmp_path: Path) -> None:
    """An interpreter is run by the path that was given: what it links to is another environment."""
    link = tmp_path / "python"
    link.symlink_to(sys.executable)

    assert parse_side(f"new=python:{link}") == Side("new", "python", str(link))


def test_tox_is_run_by_environment(tmp_path: Path) -> None:
    """A tox side runs its environment, with pytest's options behind the dashes."""
    command = Side("new", "tox", "3.13-bench").command(tmp_path, ["-k", "dispatch"])

    assert command[1:7] == ["-m", "tox", "run", "-q", "-e", "3.13-bench"]
    assert command[7:] == ["--", "--benchmark-save=new", f"--benchmark-storage=file://{tmp_path}", "-k", "dispatch"]


def interrupted(folder: Path, number: signal.Signals) -> tuple[int, str]:
    """Interrupt a program in its third run, after a cell or more; return its exit code and what it then said."""
    lock = folder / "lock"
    command = [sys.executable, "-m", "benchmarks.alternate", "one=options:-q", "two=options:-q", "--turns=50"]
    process = subprocess.Popen(
        [
            *command,
            f"--storage={folder / 'runs'}",
            "--",
            *QUICK,
            "--sizes=1e2,3e2,1e3,3e3,1e4",
            "--benchmark-max-time=0.5",
        ],
        cwd=ROOT,
        env={**os.environ, "INTERRUPTED": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.startswith("run 3 of 100: one"):
                break
        second, deadline = lock.read_text(encoding="utf-8"), monotonic() + TIMEOUT
        while lock.read_text(encoding="utf-8") in {second, ""} and monotonic() < deadline:
            sleep(0.01)
        sleep(2)
        process.send_signal(number)
        rest, _ = process.communicate(timeout=TIMEOUT)
    finally:
        process.kill()
    return process.returncode, rest


@pytest.mark.skipif(os.name != "posix", reason="signals as of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupts(tmp_path: Path, number: signal.Signals, processes_of: Callable[[str], list[int]]) -> None:
    """Ctrl-C lets the run that is going on save what it has, compares the complete ones, and leaves no process."""
    code, rest = interrupted(tmp_path, number)
    complete = [json.loads(path.read_bytes())["suite"]["complete"] for path in sorted(tmp_path.glob("runs/*/*.json"))]

    assert code == 130
    assert f"interrupted after 2 runs and a part of one, saved in {tmp_path / 'runs'}" in rest
    assert "one (1 run) against two (1 run)." in rest
    assert complete == [True, True, False]
    assert "_one.json did not complete, and is left out" in rest
    assert processes_of(f"INTERRUPTED={tmp_path}") == []
