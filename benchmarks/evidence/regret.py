"""What the recommendation for a function costs beside the best setting: `python -m benchmarks.evidence.regret FOLDER`.

For each function of `benchmarks.evidence.functions`, on which no model was fitted: a run such as a person would take,
in FOLDER/NAME, where no earlier run can tell it anything; a sweep over many settings; then the recommended setting, the
best others, the loop, and what `report advise` predicts from the baselines alone, in turns. About three minutes each;
what is there already is not measured again, so that it can be interrupted.

    python -m benchmarks.evidence.regret FOLDER [--only NAME ...] [--turns 5]
    python -m benchmarks.evidence.regret FOLDER --report [--plot PATH]
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from benchmarks.alternate import ROOT
from benchmarks.evidence import functions
from benchmarks.evidence.contest import LOOP, Sweep, Work, in_turns
from benchmarks.evidence.readme import BASELINES
from benchmarks.evidence.regret_table import Entry, aims, load_entries, save_entries, table
from benchmarks.interrupts import SIGNALS, Interrupted, exit_code
from benchmarks.measuring.lock import LockedError, MachineLock, lock_path
from benchmarks.measuring.watch import CellError
from benchmarks.report.__main__ import recommended
from benchmarks.report.advice import Demand, Proposal, proposals, usable
from benchmarks.report.forecast import COMPUTES
from benchmarks.report.overview import of_run
from benchmarks.report.reading import reduced
from benchmarks.report.recommend import chosen
from benchmarks.report.runs import BASELINE, DataError, find, latest, load
from benchmarks.report.samples import Reduced, reduce
from benchmarks.report.stored import replicates
from benchmarks.schema import Setting, TargetInfo
from benchmarks.words import NO_METHOD

FUNCTION_NAMES = tuple(name.removesuffix("_inputs") for name in vars(functions) if name.endswith("_inputs"))

BUDGET = 60
ASK_SECONDS = 300
"""What a run may take before it is ended."""

RIVALS = 3
TURNS = 5
SAID_WIDTH = 100


@dataclass(frozen=True)
class Asked:
    """What a run has said of a function: see `Entry`."""

    whole: float
    said: list[str]
    info: TargetInfo
    recommended: Setting
    predicted: float | None
    measured: float | None


def ask(name: str, folder: Path) -> Asked:
    """Have the suite measure a function in a folder, which is emptied first. Raises DataError if that fails."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    function = f"{functions.__name__}:{name}"
    command = [sys.executable, "-m", "benchmarks.launch", function, "--inputs", f"{function}_inputs"]
    command += ["--budget", str(BUDGET)]
    log = folder / "output.txt"
    SIGNALS.expose()
    begun = perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
    try:
        code = process.wait(ASK_SECONDS)
    except subprocess.TimeoutExpired:
        raise DataError(f"its run is not done after {ASK_SECONDS} s: see {log}") from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    whole = perf_counter() - begun
    if code:
        raise DataError(f"its run ended with exit code {code}: see {log}")
    return read(folder / ".benchmarks", whole)


def read(storage: Path, whole: float) -> Asked:
    """Return what the latest run of a storage says. Raises DataError if it is not one of a function."""
    run = load(latest(storage))
    shown = of_run(run, replicates(storage, reduce(run), (), None))
    if shown.target is None:
        raise DataError(f"{run.source}: is no run of a function")
    info, said = shown.target, recommended(shown, SAID_WIDTH)
    row = chosen(info, shown.rows)
    if row is None:
        return Asked(whole, said, info, LOOP, None, None)
    axes = row.place.axes
    measured = Setting(axes.strategy, axes.chunk_size, axes.workers, axes.start_method)
    predicted = next((one.predicted for one in info.tries if one.setting == measured), None)
    # the code to paste names the chunk size that was really used
    pasted = Setting(axes.strategy, row.place.tasks_per_chunk, axes.workers, axes.start_method)
    return Asked(whole, said, info, pasted, predicted, row.time.center)


def earlier(name: str) -> list[Reduced]:
    """Return the stored runs of a name and of this Python. Raises DataError if there are none."""
    runs = [run for run in reduced(find(BASELINES, name), None) if isinstance(run, Reduced) and run.complete]
    own = [run for run in runs if run.environment.python == platform.python_version()]
    if not own:
        raise DataError(f"--baseline {name}: none of {len(runs)} runs is of Python {platform.python_version()}")
    return own


def advise(runs: Sequence[Reduced], asked: Asked) -> Proposal:
    """Return what earlier runs predict for the recommended strategy; where they do not know it, for their best."""
    info = asked.info
    waits = info.computing < COMPUTES
    job = Demand(info.task_time, info.inputs, round(info.bytes_in), round(info.bytes_out), info.deviation, waits)
    found = proposals(usable(runs, job), job)
    return next((one for one in found if one.costs.strategy == asked.recommended.strategy), found[0])


def measure(name: str, folder: Path, runs: Sequence[Reduced], turns: int) -> Entry:
    """Find out all about one function. Raises DataError, CellError or LockedError, in one line."""
    asked = ask(name, folder)
    lock = MachineLock(lock_path())
    try:
        return contested(name, asked, advise(runs, asked), turns)
    finally:
        lock.release()


def contested(name: str, asked: Asked, proposal: Proposal, turns: int) -> Entry:
    """Sweep over the settings of a function, and measure those in turns that matter."""
    work = Work.of(getattr(functions, name), getattr(functions, f"{name}_inputs")())
    left_out: list[str] = []
    swept = sorted(Sweep(work, left_out.append).run().items(), key=lambda pair: pair[1])
    best = [setting for setting, _ in swept if setting not in {asked.recommended, LOOP}][:RIVALS]
    rivals = [*best, LOOP] if asked.recommended != LOOP else best
    costs = proposal.costs
    method = costs.start_method or NO_METHOD
    advised = Setting(costs.strategy, proposal.chunk_size if costs.start_method else 1, proposal.workers, method)
    settings = list(dict.fromkeys([asked.recommended, *rivals, advised]))
    return Entry(
        function=name,
        whole=asked.whole,
        said=asked.said,
        inputs=asked.info.inputs,
        task_time=asked.info.task_time,
        spread=asked.info.deviation,
        recommended=asked.recommended,
        predicted=asked.predicted,
        measured=asked.measured,
        sweep=swept,
        left_out=left_out,
        rivals=rivals,
        turns=list(in_turns(work, settings, turns, name).items()),
        advised=advised,
        advised_seconds=proposal.seconds.center,
    )


def take(folder: Path, names: Sequence[str], baseline: str, turns: int) -> int:
    """Measure the functions that are not there yet, and say how far it is; return how many failed."""
    runs = earlier(baseline)
    path = folder / "regret.jsonl"
    failed = 0
    for number, name in enumerate(names, 1):
        entries = load_entries(path)
        if name in {entry.function for entry in entries}:
            continue
        print(f"{number} of {len(names)}: {name}", flush=True)
        begun = perf_counter()
        try:
            entry = measure(name, folder / name, runs, turns)
        except (CellError, DataError, LockedError) as error:
            print(f"error: {name}: {error}", file=sys.stderr)
            failed += 1
            continue
        save_entries(path, [*entries, entry])
        print("\n".join([*entry.left_out, f"{len(entry.sweep)} settings, {perf_counter() - begun:.0f} s"]), flush=True)
    return failed


def report(folder: Path, picture: Path | None) -> None:
    """Print what was found, and draw it where that is wanted. Raises DataError if there is nothing."""
    entries = load_entries(folder / "regret.jsonl")
    if not entries:
        raise DataError(f"{folder / 'regret.jsonl'}: nothing was found yet")
    print("\n".join([table(entries), "", *aims(entries)]))
    if picture is not None:
        from benchmarks.evidence.regret_plot import draw_predicted  # noqa: PLC0415 - the rest does without Matplotlib

        draw_predicted(entries, picture)


def main(arguments: Sequence[str]) -> int:
    """Measure, or report."""
    parser = argparse.ArgumentParser("python -m benchmarks.evidence.regret", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--only",
        nargs="+",
        choices=FUNCTION_NAMES,
        default=FUNCTION_NAMES,
        metavar="NAME",
        help=", ".join(FUNCTION_NAMES),
    )
    parser.add_argument("--turns", type=int, choices=range(2, 101), default=TURNS, metavar="NUMBER")
    parser.add_argument("--baseline", default=BASELINE, help="the runs that `report advise` is asked about")
    parser.add_argument("--report", action="store_true", help="print what was found")
    parser.add_argument("--plot", type=Path, metavar="PATH", help="draw it, with --report")
    options = parser.parse_args(arguments)
    try:
        if options.report:
            report(options.folder, options.plot)
            return 0
        return min(1, take(options.folder, options.only, options.baseline, options.turns))
    except (DataError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def program() -> int:
    """Run; a signal ends whatever runs, and leaves no process."""
    SIGNALS.catch()
    try:
        return main(sys.argv[1:])
    except Interrupted as interrupted:
        print(f"interrupted by {interrupted}", file=sys.stderr)
        return exit_code(signal.Signals[str(interrupted)])


if __name__ == "__main__":
    sys.exit(program())
