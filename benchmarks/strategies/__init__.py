"""How work is spread: every strategy by its name. A new one is a small class and a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.strategies.executors import EXECUTOR_STRATEGIES
from benchmarks.strategies.floor import Floor
from benchmarks.strategies.pools import POOL_STRATEGIES, ArticleStrategy
from benchmarks.strategies.serial import Serial
from benchmarks.strategies.sharing import SHARING_STRATEGIES
from benchmarks.strategies.threads import THREAD_STRATEGIES

if TYPE_CHECKING:
    from benchmarks.strategies.base import Strategy

SERIAL = Serial()
FLOOR = Floor()

STRATEGIES: dict[str, Strategy] = {
    strategy.name: strategy
    for strategy in (
        SERIAL,
        FLOOR,
        *POOL_STRATEGIES,
        *EXECUTOR_STRATEGIES,
        *THREAD_STRATEGIES,
        *SHARING_STRATEGIES,
        ArticleStrategy(),
    )
}
