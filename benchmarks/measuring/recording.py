"""What becomes of a run: its cells' outcomes and numbers on their way into the saved run.

The document is pytest-benchmark's, made by its hooks from its own statistics; `suite` is added. Everything that needs a
process of its own (the processor's facts, git) is asked before the first cell: at the end there may be none to have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from benchmarks import layout, schema
from benchmarks.measuring.cells import Family, Planned
from benchmarks.measuring.facts import passing_facts, stable_facts
from benchmarks.measuring.saving import SavingError, Store, write_whole
from benchmarks.schema import INTERRUPTED, NOT_REACHED, ClusterInfo, Outcome, Spent, Suite, TargetInfo, Times
from benchmarks.strategies import STRATEGIES

if TYPE_CHECKING:
    import pytest

SAVING_SHARE = 0.01
"""The share of the run's time that saving may take; beyond it, the system may bring to the disk when it likes."""


class Recording:
    """A run, from before its first cell to its end; `saved` is where it is then, `document` what is saved there."""

    def __init__(self, config: pytest.Config, budget: float | None, name: str, json: Path | None) -> None:
        """Say what a cell may take, what the run is saved as, and where else; nothing is looked at yet."""
        self.families: dict[str, Family] = {}
        self.outcomes: dict[str, Outcome] = {}
        self.begun = False
        self.document: bytes | None = None
        self.saved: Path | None = None
        self.json = json
        self.troubles: list[str] = []
        self.target: TargetInfo | None = None
        self.clusters: dict[str, ClusterInfo] = {}
        self._config = config
        self._budget = budget
        self._name = name
        self._start_time = perf_counter()
        self._facts_at_start = passing_facts()
        self._spent = Spent()
        self._saving = 0.0
        self._seen = 0

    @property
    def storage(self) -> Path:
        """The folder that runs of all machines and Pythons are saved in."""
        return Path(self._config.option.benchmark_storage.removeprefix("file://"))

    @property
    def folder(self) -> Path:
        """The folder of the storage that this machine's and this Python's runs are in."""
        folder: Path = self._session.storage.get(self._name).parent
        return folder

    @property
    def complete(self) -> bool:
        """Whether every planned cell has come to its end."""
        return all(outcome.outcome not in {NOT_REACHED, INTERRUPTED} for outcome in self.outcomes.values())

    @property
    def _session(self) -> Any:
        """pytest-benchmark's session: its storage and its statistics."""
        return self._config.pluginmanager.get_plugin("pytest-benchmark")

    def begin(self, planned: Mapping[str, Planned]) -> None:
        """Note what is planned, and ask for all facts. OSError where no process can be started for them."""
        self.outcomes = {name: Outcome(name, NOT_REACHED, None) for name in planned}
        self._libraries = libraries_of(planned.values())
        self._environment = stable_facts()
        self._machine = self._session.get_machine_info()
        hook = self._config.hook
        self._commit = hook.pytest_benchmark_generate_commit_info(config=self._config)
        hook.pytest_benchmark_update_commit_info(config=self._config, commit_info=self._commit)
        self._store = Store(self.folder, self._name)
        self.begun = True

    def note(self, name: str, outcome: schema.Word, reason: str | None = None) -> None:
        """Note what becomes of a planned cell."""
        self.outcomes[name] = Outcome(name, outcome, reason)

    def save_cell(self) -> None:
        """Save what is new of the run. What goes wrong is noted in `troubles`; the next time it is tried again."""
        start = perf_counter()
        benchmarks = list(self._session.benchmarks)
        piece = self._generate(benchmarks[self._seen :])
        entries = b",\n".join(map(layout.entry, layout.benchmarks_of(piece)))
        quick = self._saving <= SAVING_SHARE * (start - self._start_time)
        spent = layout.spent_in(piece)
        former, self._spent = self._spent, Spent(self._spent.arms + spent.arms, self._spent.pools + spent.pools)
        try:
            self._store.add(lambda: self._head(piece), entries or None, layout.tail(self._suite()), sync=quick)
            self._seen = len(benchmarks)
        except SavingError as error:
            self._spent = former
            if str(error) not in self.troubles:
                self.troubles.append(str(error))
        self._saving += perf_counter() - start

    def finish(self) -> list[str]:
        """Save the whole run, then write the other outputs; return what went wrong, a line each."""
        if all(outcome.outcome == NOT_REACHED for outcome in self.outcomes.values()):
            return []
        troubles = []
        document = self._generate(list(self._session.benchmarks))
        hook = self._config.hook.pytest_benchmark_update_json
        try:
            hook(config=self._config, benchmarks=self._session.benchmarks, output_json=document)
        except Exception as error:  # noqa: BLE001 - somebody else's hook: it may cost what it adds, not the run
            troubles.append(f"pytest_benchmark_update_json: {type(error).__name__}: {error}; saved as it was")
        layout.add_suite(document, self._suite(complete=self.complete))
        self.document = layout.encode(document)
        try:
            self.saved = self._store.finish(self.document)
        except SavingError as error:
            kept = f"; what had been saved before is in {self._store.path}" if self._store.path else ""
            troubles.append(f"this run was not saved: {error}; make room or name another --benchmark-storage{kept}")
        if self.json is not None:
            try:
                write_whole(self.json, self.document)
            except OSError as error:
                troubles.append(f"--benchmark-json {self.json}: cannot be written ({error.strerror})")
        return troubles

    def _generate(self, benchmarks: list[Any]) -> dict[str, Any]:
        """Have pytest-benchmark make its document of some of its benchmarks."""
        document: dict[str, Any] = self._config.hook.pytest_benchmark_generate_json(
            config=self._config,
            benchmarks=benchmarks,
            include_data=True,
            machine_info=self._machine,
            commit_info=self._commit,
        )
        layout.round_times(document)
        return document

    def _head(self, document: Mapping[str, Any]) -> bytes:
        planned = tuple(Outcome(name, NOT_REACHED, None) for name in self.outcomes)
        return layout.head(document, self._suite(planned))

    def _suite(self, cells: tuple[Outcome, ...] | None = None, *, complete: bool = False) -> Suite:
        return Suite(
            schema=schema.SCHEMA,
            preset=self._config.getoption("preset"),
            budget=self._budget,
            least_rounds=self._config.option.benchmark_min_rounds,
            complete=complete,
            cells=list(self.outcomes.values() if cells is None else cells),
            families={
                name: schema.FamilyInfo(
                    question=family.question,
                    timed=family.timed,
                    judged_by=list(family.judged_by),
                    arms=list(family.arms),
                    per_task=family.per_task,
                    shows_speedup=family.shows_speedup,
                    settings_vary=family.settings_vary,
                )
                for name, family in self.families.items()
            },
            environment=self._environment,
            libraries=self._libraries,
            clusters=self.clusters,
            target=self.target,
            start=self._facts_at_start,
            end=passing_facts(),
            seconds=Times(
                wall=max(0.001, round(perf_counter() - self._start_time, 3)),
                arms=round(self._spent.arms, 3),
                pools=round(self._spent.pools, 3),
                saving=round(self._saving, 3),
            ),
        )


def libraries_of(planned: Iterable[Planned]) -> dict[str, str]:
    """Return the versions of the third-party libraries that some cells need, by name, of those that are installed.

    Those of what they stand on are among them.
    """
    versions: dict[str, str] = {}
    for strategy in (STRATEGIES[name] for name in dict.fromkeys(one.cell.strategy for one in planned)):
        if strategy.library is not None and strategy.library.version is not None:
            versions |= {strategy.library.name: strategy.library.version, **strategy.beneath()}
    return dict(sorted(versions.items()))
