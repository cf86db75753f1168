"""Interrupts runs at random moments: `python -m benchmarks.evidence.signals [NUMBER] [SEED] [MOMENT ...]`.

Each run is a real one of 2 to 6 s that is sent SIGINT, SIGTERM or SIGHUP, once or twice, alone or with its whole group:
`anywhere` from its first cell on, or in what the `end` is, from the last cell but one to the prompt. Whatever the
moment, the run must end soon, with the right exit code and without a traceback, its file must be readable and say the
truth about itself, and no process may be left.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from benchmarks.alternate import ROOT
from benchmarks.interrupts import NAMES, exit_code
from benchmarks.layout import SchemaError, decode
from benchmarks.measuring.lock import LOCK
from benchmarks.schema import Document

MOMENTS = {"anywhere": "speedup or startup or failure", "end": "speedup"}
"""When signals are sent, and the cells of those runs: as many as there are ways to start a pool, or few."""

SHORT_CELLS = ("--sizes=1e3", "--benchmark-max-time=0.1")
PROGRESS = re.compile(r"\[ *(\d+)%\]")
RUN_SECONDS = 60
LEFT_SECONDS = 3


@dataclass(frozen=True)
class Shot:
    """Which signals are sent, after which share of the cells and how many seconds more; `again` is None for one."""

    number: signal.Signals
    group: bool
    percent: int
    delay: float
    again: float | None

    def __str__(self) -> str:
        """Say all of it in a line."""
        twice = "" if self.again is None else f", again after {self.again:.3f} s"
        whom = "the group" if self.group else "the process"
        return f"{self.number.name} to {whom} {self.delay:.3f} s after {self.percent}% of the cells{twice}"


def hear_signals() -> None:
    """Undo for the programs that are started from here what a shell does to jobs in the background, and `nohup` to all.

    A signal that is ignored stays so in whatever is started; one that has a handler does not.
    """
    for number in (signal.Signals[name] for name in NAMES if hasattr(signal, name)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def shots(number: int, seed: int, moment: str) -> list[Shot]:
    """Return what to do to `number` runs."""
    source = random.Random(f"{seed} {moment}")
    found = []
    for _ in range(number):
        percent = source.randrange(0, 95) if moment == "anywhere" else source.choice((75, 100))
        found.append(
            Shot(
                number=signal.Signals[source.choice(NAMES)],
                group=source.random() < 0.5,
                percent=percent,
                delay=source.uniform(0, 0.5),
                again=source.uniform(0, 0.5) if source.random() < 0.4 else None,
            )
        )
    return found


def interrupted(
    shot: Shot, folder: Path, command: Sequence[str], cwd: Path, environment: Mapping[str, str]
) -> tuple[str, list[str]]:
    """Take a run, interrupt it, and return what became of it, and all that is wrong with that.

    `command` is that of a run which saves in `folder` and prints a line a cell (-v).
    """
    environment = {**environment, "PYTHONUNBUFFERED": "1", "MARKER": str(folder), "COLUMNS": "100"}
    log = folder / "output.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=cwd, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _await(process, log, shot.percent)
        sleep(shot.delay)
        late = process.poll() is not None
        _send(process, shot)
        if shot.again is not None:
            sleep(shot.again)
            _send(process, shot)
        start = monotonic()
        process.wait(RUN_SECONDS)
        took = monotonic() - start
    except subprocess.TimeoutExpired:
        return "hung", [f"did not end within {RUN_SECONDS} s; its output ends with {_output(log)[-300:]!r}"]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    became, wrong = _judged(shot, folder, process.returncode, _output(log), took)
    return f"too late: {became}" if late else became, wrong


def _judged(shot: Shot, folder: Path, code: int, output: str, took: float) -> tuple[str, list[str]]:
    wrong = []
    document: Document | None = None
    files = list(folder.rglob("[0-9]*.json"))
    if len(files) != 1:
        wrong.append(f"{len(files)} files were saved")
    else:
        try:
            document = decode(files[0].read_bytes())
        except SchemaError as error:
            wrong.append(f"the file {error}")
    complete = document is not None and document.suite.complete
    expected = 0 if complete else exit_code(shot.number)
    if code != expected:
        wrong.append(f"ended with {code}, not {expected}")
    if "Traceback" in output or "INTERNALERROR" in output:
        wrong.append(f"printed a traceback: {output[-1500:]}")
    if not complete and len(re.findall(r"^!+ .*Interrupted", output, re.MULTILINE)) != 1:
        wrong.append("did not say in one line that it was interrupted")
    if document is not None and len(document.benchmarks) < output.count(" PASSED "):
        wrong.append(f"{len(document.benchmarks)} cells were saved of {output.count(' PASSED ')} that passed")
    deadline = monotonic() + LEFT_SECONDS
    while (left := living(f"MARKER={folder}")) and monotonic() < deadline:
        sleep(0.05)
    if left:
        wrong.append(f"left {len(left)} processes")
        for pid in left:
            os.kill(pid, signal.SIGKILL)
    return f"{'complete' if complete else 'incomplete'}, code {code}, {took:.1f} s", wrong


def _await(process: subprocess.Popen[bytes], log: Path, percent: int) -> None:
    """Wait until a share of the cells is done; until the first is under way for none."""
    deadline = monotonic() + RUN_SECONDS
    while process.poll() is None and monotonic() < deadline:
        output = _output(log)
        done = [int(found) for found in PROGRESS.findall(output)]
        if max(done, default=-1) >= percent or (not percent and "::" in output):
            return
        sleep(0.01)


def _send(process: subprocess.Popen[bytes], shot: Shot) -> None:
    if process.poll() is None:
        os.killpg(process.pid, shot.number) if shot.group else process.send_signal(shot.number)


def _output(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")


def living(marker: str) -> list[int]:
    """Return the live processes that have a marker in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            alive = (path / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
            if alive and marker.encode() in (path / "environ").read_bytes():
                found.append(int(path.name))
        except OSError:  # it has ended in the meantime, or is not ours
            continue
    return found


def main(arguments: Sequence[str]) -> int:
    """Print what became of each run, and a count."""
    hear_signals()
    number, seed, *moments = arguments
    faults = 0
    for moment in moments or MOMENTS:
        counts: Counter[str] = Counter()
        for place, shot in enumerate(shots(int(number), int(seed), moment)):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                environment = {**os.environ, LOCK: str(folder / "lock")}
                command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "--benchmark-only"]
                became, wrong = interrupted(
                    shot,
                    folder,
                    [*command, "-k", MOMENTS[moment], *SHORT_CELLS, f"--benchmark-storage={folder}"],
                    ROOT,
                    environment,
                )
            counts[became.partition(",")[0].partition(":")[0]] += 1
            faults += bool(wrong)
            print(f"{moment} {place + 1}: {shot}: {became}", *wrong, sep="\n  ", flush=True)
        print(f"{moment}: {', '.join(f'{count} {what}' for what, count in counts.items())}", flush=True)
    print(f"{faults} runs at fault")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["100", "1"]))
