"""What `benchmarks.evidence.regret` has found: kept as JSON lines, and as a table with its aims and a picture."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median

import msgspec
from msgspec import Struct
from tabulate import tabulate

from benchmarks.evidence.contest import LOOP, named
from benchmarks.report import units
from benchmarks.report.runs import DataError
from benchmarks.report.stats import CONFIDENCE, student_quantile, variance_of
from benchmarks.schema import Setting

MEDIAN_REGRET, LEAST_REGRET, OFF = 0.05, 0.15, 0.25
"""The aims: of the median regret, of each one's lower bound, and of how far off the predicted times are."""


class Entry(Struct, frozen=True):
    """What was found out about one function. Times are seconds.

    `whole` is the wall time of the run that a person would have waited for, `said` its recommendation. `predicted` and
    `measured` are that run's, of a pass over the inputs that it measured; None for the loop. The sweep and the turns
    are passes over all inputs; `advised` is what earlier runs alone predict.
    """

    function: str
    whole: float
    said: list[str]
    inputs: int
    task_time: float
    spread: float
    recommended: Setting
    predicted: float | None
    measured: float | None
    sweep: list[tuple[Setting, float]]
    left_out: list[str]
    rivals: list[Setting]
    turns: list[tuple[Setting, list[float]]]
    advised: Setting
    advised_seconds: float

    def regret(self) -> Regret:
        """Return what taking the recommended setting costs."""
        taken = dict(self.turns)
        return regret(taken[self.recommended], {rival: taken[rival] for rival in self.rivals})

    def off(self) -> float | None:
        """Return what the run's model predicted over what that run measured."""
        return self.predicted / self.measured if self.predicted is not None and self.measured else None

    def advised_measured(self) -> float:
        """Return the time of the advised setting, the median of its turns."""
        return median(dict(self.turns)[self.advised])

    def advised_off(self) -> float:
        """Return what earlier runs predicted over what the turns measured."""
        return self.advised_seconds / self.advised_measured()


@dataclass(frozen=True)
class Regret:
    """How much longer than the best rival the recommended setting takes, as a share, with a 95 % interval.

    Where no rival is faster the value is 0, and the interval is that of the nearest one.
    """

    rival: Setting
    value: float
    low: float
    high: float


def regret(own: Sequence[float], rivals: Mapping[Setting, Sequence[float]]) -> Regret:
    """Return the regret by the seconds of each turn, paired: two turns at least.

    The mean log ratio counts, with Student's interval, of the rival with the largest. The best of several looks a
    little better than it is, since noise has a part in who is the best: regret comes out a little too large.
    """
    ratios = {
        rival: [math.log(mine / other) for mine, other in zip(own, seconds, strict=True)]
        for rival, seconds in rivals.items()
    }
    best = max(ratios, key=lambda rival: fmean(ratios[rival]))
    logs = ratios[best]
    middle = fmean(logs)
    reach = student_quantile((1 + CONFIDENCE) / 2, len(logs) - 1) * math.sqrt(variance_of(logs) / len(logs))
    return Regret(best, max(0.0, math.expm1(middle)), math.expm1(middle - reach), math.expm1(middle + reach))


def load_entries(path: Path) -> list[Entry]:
    """Return what was found so far, nothing where there is no such file. Raises DataError if it cannot be read."""
    if not path.exists():
        return []
    try:
        return msgspec.json.Decoder(Entry).decode_lines(path.read_bytes())
    except (OSError, msgspec.MsgspecError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from None


def save_entries(path: Path, entries: Sequence[Entry]) -> None:
    """Write all that was found: whenever that is interrupted, there is one whole file."""
    beside = path.with_suffix(".part")
    beside.write_bytes(msgspec.json.Encoder().encode_lines(entries))
    beside.replace(path)


HEAD = ["function", "task", "spread", "recommended", "predicted / measured", "regret", "advise", "whole run"]


def table(entries: Sequence[Entry], table_format: str = "simple") -> str:
    """Return a row for each function, in a format of tabulate's."""
    return tabulate(list(map(_row, entries)), headers=HEAD, disable_numparse=True, tablefmt=table_format)


def _row(entry: Entry) -> list[str]:
    found = entry.regret()
    interval = f"[{100 * found.low:.1f}, {100 * found.high:.1f}]"
    return [
        entry.function,
        units.seconds(entry.task_time),
        units.percent(entry.spread),
        named(entry.recommended),
        units.factor(entry.off()),
        f"{100 * found.value:.1f}% {interval}",
        units.factor(entry.advised_off()),
        units.seconds(entry.whole),
    ]


def aims(entries: Sequence[Entry]) -> Iterator[str]:
    """Yield each aim with what became of it."""
    regrets = {entry.function: entry.regret() for entry in entries}
    middle = median(one.value for one in regrets.values())
    yield f"median regret {100 * middle:.1f}%, aim at most {MEDIAN_REGRET:.0%}: {_verdict(middle <= MEDIAN_REGRET)}"
    worst = max(regrets, key=lambda name: regrets[name].low)
    least = regrets[worst].low
    verdict = _verdict(least <= LEAST_REGRET)
    yield f"largest lower bound of a regret {100 * least:.1f}% ({worst}), aim at most {LEAST_REGRET:.0%}: {verdict}"
    errors = [abs(off - 1) for entry in entries if (off := entry.off()) is not None]
    if errors:
        error = median(errors)
        verdict = _verdict(error <= OFF)
        yield f"predictions are off by {error:.0%} in the median of {len(errors)}, aim {OFF:.0%}: {verdict}"
    near = sum(abs(entry.advised_off() - 1) <= OFF for entry in entries)
    yield f"advise is within {OFF:.0%} for {near} of {len(entries)}"
    slowest = max(entries, key=lambda entry: entry.whole)
    yield f"slowest whole run {slowest.whole:.0f} s ({slowest.function})"
    loops = sum(entry.recommended == LOOP for entry in entries)
    yield f"the loop is recommended for {loops} of {len(entries)}"


def _verdict(met: bool) -> str:  # noqa: FBT001 - the word for it
    return "met" if met else "missed"
