"""Measures two sides or more in turn, and compares them: `python -m benchmarks.alternate --help`.

The speed of a machine drifts by more than most changes are worth. Taken A B A B ..., each run a process of its own, the
drift hits all sides alike; taken one side after the other, it looks like a change.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TextIO

from benchmarks.report import matrix, runs, samples, verdicts
from benchmarks.report.__main__ import exit_code, sample_of, terminal_width
from benchmarks.report.compare import Comparison, compare
from benchmarks.report.judge import Rule
from benchmarks.report.program import FAULT, INTERRUPTED, OK, run_program
from benchmarks.report.runs import DataError
from benchmarks.report.sequential import Look, look, looks
from benchmarks.report.stored import replicates
from benchmarks.report.units import counted

ROOT = Path(__file__).parents[1]

MOST_TURNS = 100

GRACE = 90
"""Seconds that an interrupted run has to save what it has: more than tox waits for it."""

COMMAND = "python -m benchmarks.alternate"

KINDS = {
    "python": "an interpreter that has what the suite needs: of another version, or of a virtual environment",
    "tox": "an environment of tox",
    "revision": "a git revision of the suite",
    "options": "options of pytest",
}

EPILOG = f"""\
kinds of sides:
{{kinds}}

for example:
  {COMMAND} old=python:.venv-old/bin/python new=python:.venv-new/bin/python
  {COMMAND} 3.13=tox:3.13-bench 3.14=tox:3.14-bench --turns 3 -- --preset quick
  {COMMAND} base=revision:main head=revision:HEAD -- -k dispatch
  {COMMAND} two='options:--workers 2' four='options:--workers 4'

After each turn from the third on it says what is decided, and stops when more turns would decide nothing. Runs are
saved under the names of their sides. Ctrl-C ends it early, and compares the runs taken so far.

exit codes: those of `python -m benchmarks.report compare`, or 0 after a matrix of more than two sides; 2 if a side
could not be measured; 130 after Ctrl-C
"""


class AlternateError(Exception):
    """What cannot be done; the message is one line."""


@dataclass(frozen=True)
class Side:
    """One of the things to compare: the name of its runs, and what is special about it."""

    name: str
    kind: str
    value: str

    def command(self, storage: Path, options: Sequence[str]) -> list[str]:
        """Return the command that measures it once."""
        save = [f"--benchmark-save={self.name}", f"--benchmark-storage=file://{storage}", *options]
        if self.kind == "tox":
            return [sys.executable, "-m", "tox", "run", "-q", "-e", self.value, "--", *save]
        python = self.value if self.kind == "python" else sys.executable
        own = shlex.split(self.value) if self.kind == "options" else []
        return [python, "-m", "pytest", "--benchmark-only", *save, *own]


def parse_side(text: str) -> Side:
    """Read a side from the command line. Raises ArgumentTypeError, saying what it should look like."""
    name, _, rest = text.partition("=")
    kind, _, value = rest.partition(":")
    if not value or kind not in KINDS:
        message = f"{text!r} is not NAME=KIND:VALUE with a KIND of {', '.join(KINDS)}"
        raise argparse.ArgumentTypeError(message)
    if not name or name.strip("._-") != name or not name.replace(".", "").replace("_", "").replace("-", "").isalnum():
        message = f"{text!r}: a name for runs has letters and digits, and '.', '_' or '-' between them"
        raise argparse.ArgumentTypeError(message)
    if kind == "options":
        try:
            shlex.split(value)
        except ValueError as error:
            message = f"{text!r}: {error}"
            raise argparse.ArgumentTypeError(message) from None
    if kind == "python":
        found = shutil.which(value)
        if found is None:
            message = f"{text!r}: there is no program {value}"
            raise argparse.ArgumentTypeError(message)
        value = os.path.abspath(found)  # noqa: PTH100 - resolve() would leave a virtual environment by its link
    return Side(name, kind, value)


@dataclass(frozen=True)
class Plan:
    """What is measured, how often at most or `fixed`, with which options of pytest, and where it is saved."""

    sides: Sequence[Side]
    turns: int
    fixed: bool
    storage: Path
    options: Sequence[str]

    def check(self) -> None:
        """Raise AlternateError where two sides, or older runs, would mix, or the report would not find them."""
        names = [side.name for side in self.sides]
        if len(names) < 2 or len(set(names)) < len(names):
            raise AlternateError("two sides or more are needed, each with a name of its own: NAME=KIND:VALUE")
        for name in names:
            if self.saved(name):
                raise AlternateError(f"{self.storage} has runs saved as {name!r}: take another name or --storage")
            if Path(name).exists():
                raise AlternateError(
                    f"{name!r} is a file or folder here, which the report would read: take another name"
                )

    def saved(self, name: str) -> int:
        """Return how many runs of a name there are."""
        return len(list(self.storage.glob(f"*/[0-9][0-9][0-9][0-9]_{name}.json")))

    def take(self, folders: Mapping[str, Path], taken: Counter[str], out: TextIO, err: TextIO) -> None:
        """Take the runs, counting those of each side in `taken`, until all are there or more are of no use.

        Raises AlternateError if a side cannot be measured at all; a later run that fails costs itself only.
        """
        total, start, turn = self.turns * len(self.sides), monotonic(), 0
        for number in range(total):
            side = self.sides[number % len(self.sides)]
            left = (monotonic() - start) / max(1, number) * (total - number)
            print(f"run {number + 1} of {total}: {side.name}{_about(left) if number else ''}", file=out, flush=True)
            command, before = side.command(self.storage, self.options), self.saved(side.name)
            code, output = _run(command, folders[side.name])
            # what was saved says it: a run with failed cells ends with 1, but so does an interpreter without pytest
            if self.saved(side.name) > before:
                taken[side.name] += 1
            else:
                failure = f"{side.name}: {_fault(output)}; {shlex.join(command)} ended with {code} and saved nothing"
                if not taken[side.name]:
                    raise AlternateError(failure)
                print(f"  left out: {failure}", file=out, flush=True)
            if side is self.sides[-1] and not self.fixed and number + 1 < total:
                # a run that failed is none: what the side that has the fewest can tell counts, and is looked at once
                turn, looked_at = min(taken[one.name] for one in self.sides), turn
                if turn > looked_at and self._is_over(turn, out, err):
                    return

    def _is_over(self, turn: int, out: TextIO, err: TextIO) -> bool:
        """Look at the runs that there are, say what is decided, and whether more are of no use."""
        if turn not in looks(self.turns):
            return False
        try:
            seen = self._looks(self._samples(err), turn)
        except DataError as error:  # the comparison at the end says it again, and counts it
            print(f"  turn {turn}: {error}", file=out, flush=True)
            return False
        for one in seen:
            print(f"  {one.line}", file=out, flush=True)
        if not all(one.over for one in seen):
            return False
        print(f"stopped after turn {turn}: more of them would decide nothing", file=out, flush=True)
        return True

    def _looks(self, columns: Sequence[matrix.Sample], turn: int) -> list[Look]:
        """Compare each other side with the first."""
        first, *others = columns
        known = replicates(self.storage, first.runs[0], (), None)
        meant = self._across

        def compared(other: matrix.Sample, rule: Rule) -> Comparison:
            return compare(first.runs, samples.aligned(first.runs, other.runs, meant), rule, meant, known)

        if self.fixed:
            return [Look(compared(other, Rule()), turn, self.turns) for other in others]
        return [look(partial(compared, other), turn, self.turns) for other in others]

    def _samples(self, err: TextIO) -> list[matrix.Sample]:
        """Read the runs of each side. Raises DataError where one has none that can be read."""
        found = []
        for side in self.sides:
            faults: list[str] = []
            some = sample_of(runs.find(self.storage, side.name), faults, None, err)
            if not some:
                raise DataError(faults[0])
            for fault in faults:
                print(f"warning: {fault}", file=err)
            found.append(matrix.Sample(side.name, some))
        return found

    @property
    def _across(self) -> tuple[str, ...]:
        """The differences that are meant."""
        kinds = {side.kind for side in self.sides}
        if len(self.sides) > 2:
            return (*samples.ACROSS, *samples.MACHINE_AXES)
        python = ("python",) if kinds & {"python", "tox"} else ()
        return (*python, *(samples.MACHINE_AXES if "options" in kinds else ()))

    def compare(self, turn: int, out: TextIO, err: TextIO) -> int:
        """Show what the runs say after a turn: two sides compared, or a matrix of more. Return the exit code."""
        print(file=out)
        columns = self._samples(err)
        results = [one.result for one in self._looks(columns, turn)]
        if len(columns) > 2:
            lines = matrix.matrix_lines(columns, results, terminal_width())
        else:
            names = self.sides[0].name, self.sides[1].name
            lines = verdicts.comparison_lines(names, results[0], terminal_width())
        for line in lines:
            print(line, file=out)
        return exit_code(results[0]) if len(columns) == 2 else OK


def main(argv: Sequence[str], out: TextIO, err: TextIO) -> int:
    """Measure all sides in turn, then compare; return the exit code."""
    place = list(argv).index("--") if "--" in argv else len(argv)
    try:
        options = _parser().parse_args(argv[:place])
    except SystemExit as end:  # argparse has printed usage or help
        return int(end.code or 0)
    plan = Plan(options.sides, options.turns, options.fixed, options.storage.resolve(), argv[place + 1 :])
    names = [side.name for side in plan.sides]
    taken: Counter[str] = Counter()
    interrupted = False
    try:
        plan.check()
        with _checked_out(plan.sides) as folders:
            plan.take(folders, taken, out, err)
    except AlternateError as error:
        print(f"error: {error}", file=err)
        return FAULT
    except KeyboardInterrupt:
        interrupted = True
        half = " and a part of one" if sum(map(plan.saved, names)) > taken.total() else ""
        print(
            f"\ninterrupted after {counted(taken.total(), 'run')}{half}, saved in {plan.storage}", file=out, flush=True
        )
    code = FAULT
    if len(taken) == len(plan.sides):
        try:
            code = plan.compare(min(taken.values()), out, err)
        except DataError as error:
            print(f"error: {error}", file=err)
    return INTERRUPTED if interrupted else code


@contextmanager
def _checked_out(sides: Sequence[Side]) -> Iterator[Mapping[str, Path]]:
    """Give each side the folder that it is measured in: a revision is checked out for as long as that takes."""
    folders = {side.name: ROOT for side in sides}
    revisions = [side for side in sides if side.kind == "revision"]
    try:
        with tempfile.TemporaryDirectory(prefix="alternate-") as temporary:
            for side in revisions:
                folders[side.name] = Path(temporary) / side.name
                _git("worktree", "add", "--quiet", "--detach", str(folders[side.name]), side.value)
            yield folders
    finally:
        if revisions:  # git forgets the checkouts that are gone, whatever happened
            with suppress(AlternateError):
                _git("worktree", "prune")


def _git(*arguments: str) -> None:
    """Run git in the suite's folder. Raises AlternateError with what it says."""
    command = shlex.join(["git", *arguments])
    try:
        result = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120)  # noqa: S607
    except OSError as error:
        raise AlternateError(f"git cannot be run ({error.strerror}): it is needed to check out a revision") from None
    except subprocess.TimeoutExpired:
        raise AlternateError(f"{command} did not end within two minutes") from None
    if result.returncode:
        raise AlternateError(f"{command}: {_fault(result.stderr)}")


def _run(command: Sequence[str], folder: Path) -> tuple[int, str]:
    """Run a command; return its exit code and what it said. Raises AlternateError if it cannot be run.

    It is in a process group of its own, and so is interrupted once, by us, whoever interrupted us and how: a run that
    is interrupted again while it saves what it has would lose that. Windows has no such groups, and interrupts all.
    """
    posix = os.name == "posix"
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            process_group=0 if posix else None,
        )
    except OSError as error:
        raise AlternateError(f"{command[0]} cannot be run ({error.strerror})") from None
    try:
        output, _ = process.communicate()
    except KeyboardInterrupt:
        if posix:
            process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=GRACE)
        raise
    finally:
        if process.poll() is None:
            # the whole group: what tox has started would outlive it
            os.killpg(process.pid, signal.SIGKILL) if posix else process.kill()
            process.communicate()
    return process.returncode, output


def _fault(output: str) -> str:
    """Return the line of a program's output that says what was wrong: the last that has an error, else the last."""
    lines = [" ".join(line.split()) for line in output.splitlines() if line.strip()] or ["it said nothing"]
    return next((line for line in reversed(lines) if "error" in line.lower()), lines[-1])


def _about(seconds: float) -> str:
    return f", about {seconds / 60:.0f} min left" if seconds >= 90 else f", about {seconds:.0f} s left"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=COMMAND,
        usage="%(prog)s [-h] [--turns N] [--fixed] [--storage FOLDER] NAME=KIND:VALUE NAME=KIND:VALUE ... [-- OPTIONS]",
        description="Measure two sides or more in turn, A B A B ..., and compare them. OPTIONS are pytest's, for all.",
        epilog=EPILOG.format(kinds="\n".join(f"  {name:9} {text}" for name, text in KINDS.items())),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sides", nargs="+", type=parse_side, metavar="NAME=KIND:VALUE", help="what to measure")
    parser.add_argument(
        "--turns", type=_turns, default=8, metavar="N", help=f"runs of each side, at most {MOST_TURNS} (%(default)s)"
    )
    parser.add_argument("--fixed", action="store_true", help="take all turns, even when more would decide nothing")
    parser.add_argument(
        "--storage", type=Path, default=Path(".benchmarks"), metavar="FOLDER", help="where to save (%(default)s)"
    )
    return parser


def _turns(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_TURNS:
        message = f"{text!r} is not a number of runs from 1 to {MOST_TURNS}"
        raise argparse.ArgumentTypeError(message)
    return int(text)


if __name__ == "__main__":
    for number in {"SIGTERM", "SIGHUP"} & set(dir(signal)):
        signal.signal(getattr(signal, number), signal.default_int_handler)
    sys.exit(run_program(main))
