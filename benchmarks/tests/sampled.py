"""Samples of runs that are made up, with what is slower in them."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from benchmarks.report.runs import Place
from benchmarks.report.samples import Reduced, View
from benchmarks.schema import Commit, FamilyInfo
from benchmarks.tests.made_up import environment, params
from benchmarks.words import ALL, LONG, SHORT

FLOOR_SECONDS = {"1e2": 1e-4, "1e4": 2e-3, "1e5": 2e-2}

STRATEGIES = ("Pool.map", "Pool.imap", "ProcessPoolExecutor.map")


def run(
    source: random.Random,
    *,
    slower: dict[str, float] | None = None,
    serial: float = 1.0,
    capacity: float = 1.0,
    sigma: float = 0.02,
    drift: float = 0.2,
    facts: dict[str, object] | None = None,
    call: dict[str, float] | float = 0.0,
    judged_by: tuple[str, ...] = ("speedup", "efficiency"),
    bias: Mapping[str, float] = MappingProxyType({}),
) -> Reduced:
    """Make a run of three strategies at three sizes, and two null rows.

    `slower` are factors on a strategy's own time, `serial` one on the serial arm, `capacity` one on whatever runs in
    parallel, `call` is what a call costs in seconds, `bias` are factors on the ratios of null rows; `sigma` is the
    spread between runs of each cell, `drift` that of the whole machine.
    """
    speed = source.gauss(0, drift)
    facts = dict(facts or {})
    workers = facts.pop("workers", 2)
    family = FamilyInfo("Is a pool worth it?", "one pass", list(judged_by), ["serial", "floor"], per_task=False)
    views = {}
    for strategy in STRATEGIES:
        for size, seconds in FLOOR_SECONDS.items():
            floor = math.log(seconds) + speed + math.log(capacity)
            loop = math.log(seconds) + speed + math.log(2 * serial)
            work = math.exp(floor + math.log((slower or {}).get(strategy, 1.0)) + 0.1)
            paid = call.get(strategy, call.get("", 0.0)) if isinstance(call, dict) else call
            own = math.log(work + paid) + source.gauss(0, sigma)
            values = {
                "time": own,
                "efficiency": own - floor,
                "speedup": own - loop,
                "overhead": math.exp(own) - math.exp(floor),
                "serial time": loop,
                "floor time": floor,
            }
            name = f"bench_speedup.py::bench_count[{size}-{strategy}]"
            axes = params(size=int(float(size)), strategy=strategy, workers=workers)
            part = ALL if "overhead" not in judged_by else SHORT if size == "1e2" else LONG
            views[name] = View(Place(name, "speedup", axes, 1, part), values, {}, {})
    for arm, quantity in (("serial", "speedup"), ("floor", "efficiency")):
        name = f"bench_speedup.py::bench_count[1e4-{arm}]"
        ratio = math.log(bias.get(arm, 1.0)) + source.gauss(0, sigma)
        place = Place(name, "speedup", params(size=10_000, strategy=arm, workers=workers), 1)
        views[name] = View(place, {"time": math.log(2e-3) + speed, quantity: ratio}, {}, {})
    return Reduced(
        source=f"run {source.random()}",
        when=f"2026-11-22T12:00:{source.random()}",
        commit=Commit("1234567", dirty=False),
        version="5.3.1",
        preset="default",
        budget=None,
        least_rounds=5,
        complete=True,
        stolen=None,
        environment=environment(**facts),
        families={"speedup": family},
        views=views,
        outcomes=dict.fromkeys(views, "measured"),
    )


def sample(seed: int, number: int = 5, **how: Any) -> list[Reduced]:
    """Make runs."""
    source = random.Random(seed)
    return [run(source, **how) for _ in range(number)]
