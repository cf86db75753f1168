"""What workers of a cluster say of themselves, what they lack, and what is hidden of addresses."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path

import pytest

from benchmarks.introducing import UNIMPORTABLE, Introduction, fingerprint, introduce
from benchmarks.strategies.clusters import (
    ClusterError,
    Location,
    all_of,
    cluster_info,
    identity,
    said_by,
    without_secrets,
)
from benchmarks.words import SUITE


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("tcp://10.0.0.1:8786", "tcp://10.0.0.1:8786"),
        ("tls://me:secret@host:8786", "tls://host:8786"),
        ("host:6379", "host:6379"),
        ("me:secret@host:6379", "host:6379"),
        ("ray://host:10001?token=secret", "ray://host:10001"),
        ("host:6379?token=secret", "host:6379"),
        ("tls://me:sec/ret@host:8786", "tls://host:8786"),
        ("tls://me:sec?ret@host:8786", "tls://***"),
        ("tls://me:sec#ret@host:8786", "tls://***"),
        ("ray://host:10001?token=a@secret", "ray://***"),
        ("tcp://[::1", "tcp://[::1"),
    ],
)
def test_addresses_are_said_without_secrets(address: str, said: str) -> None:
    """User, password and query are nowhere: not in what is saved, not in somebody else's error."""
    assert without_secrets(address) == said
    assert "secret" not in said_by(ValueError(f"cannot connect to {address.rpartition('://')[2]}"), address)


@pytest.mark.parametrize("quoted", ["{0}", "{0!r}", "int() with base 10: 'sec\\\\ret@host'", "a t0ken is wrong"])
def test_pieces_of_secrets_are_hidden(quoted: str) -> None:
    """An error may quote a part of what it could not read, or write a backslash twice."""
    address = "tcp://me:sec\\ret@host:8786?key=t0ken"
    said = said_by(ValueError(quoted.format(address)), address)

    assert not re.search("sec|ret|t0ken", said)


HERE = introduce(0, ["pytest"], ["benchmarks"])[2]


def introduction(**more: str | None) -> Introduction:
    """Return how a worker on a host introduces itself that has what is here, but for some of it."""
    changed = {**HERE, **{name.replace("_", "-"): release for name, release in more.items()}}
    return "far", 1, {name: release for name, release in changed.items() if release is not None}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"Python": "3.9.1"}, r"far has Python 3\.9\.1, this machine [\d.a-z]+: install the same there, and .*"),
        ({"pytest": "1.0"}, r"far has pytest 1\.0, this machine [\d.]+: install the same there, and .*"),
        ({"pytest": None}, r"far has no pytest, this machine [\d.]+: install the same there, and .*"),
        ({"process_pool_benchmarks": "0badf00d"}, r"far has process-pool-benchmarks 0badf00d, this machine \w{8}: .*"),
        ({"benchmarks": None}, r"far does not find the module benchmarks: put its folder into PYTHONPATH of .*"),
        ({"benchmarks": "0badf00d"}, r"far has other code of the module benchmarks than this machine: start its .*"),
        (
            {"benchmarks": f"{UNIMPORTABLE}ValueError: no"},
            r"far cannot import the module benchmarks \(ValueError: no\): .*",
        ),
    ],
)
def test_what_workers_lack(more: Mapping[str, str | None], message: str) -> None:
    """It is said in one line: where, what, and what to do; one worker of several is enough."""
    place = Location("--dask-scheduler", "tcp://me:secret@far:1", "pytest")
    with pytest.raises(ClusterError) as error:
        cluster_info(place, [introduction(), introduction(**more)], ["benchmarks"], 2, 2)

    assert re.fullmatch(rf"--dask-scheduler tcp://far:1: {message}", str(error.value))


NUMBERS = count()


def module_of(folder: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> str:
    """Return the name of a new module with a source."""
    monkeypatch.syspath_prepend(folder)
    name = f"made_{next(NUMBERS)}"
    (folder / f"{name}.py").write_text(source)
    return name


WORK = "def work(n):\n    return n + 1\n"


@pytest.mark.parametrize(
    ("source", "alike"),
    [
        (f"# why\n{WORK}", True),
        (f"import time\nBEGUN = time.time()\n{WORK}", True),
        (WORK.replace("1", "2"), False),
        (WORK.replace("n + 1", "abs(n)"), False),
        (f"import functools\n@functools.cache\n{WORK}", True),
        (WORK.replace("(n)", "(n, k=1)"), False),
        (f"{WORK}class Any:\n    def __getattr__(self, name):\n        return self\nstub = Any()\n", False),
        (f"{WORK}class Work:\n    def work(self):\n        return 1\n", False),
    ],
)
def test_code_that_differs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, alike: object) -> None:
    """A fingerprint stands for what a module's functions do, not for comments or for what it holds."""
    one, other = module_of(tmp_path, monkeypatch, WORK), module_of(tmp_path, monkeypatch, source)

    assert (fingerprint(one) == fingerprint(other)) is alike


def test_a_file_that_has_changed_since_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that has run for a while has the code that it has loaded, whatever its file says by now."""
    name = module_of(tmp_path, monkeypatch, WORK)
    before = fingerprint(name)
    (tmp_path / f"{name}.py").write_text(WORK.replace("1", "2"))

    assert fingerprint(name) == before


def test_modules_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module, or a part of a package, that is not found has no fingerprint; one that fails has its error."""
    broken = module_of(tmp_path, monkeypatch, "import nowhere_to_be_found")
    found = introduce(0, [], ["email.nowhere", "nowhere.at.all", broken, "math"])[2]

    assert set(found) == {"Python", SUITE, broken, "math"}
    assert found[broken] == f"{UNIMPORTABLE}ModuleNotFoundError: No module named 'nowhere_to_be_found'"


def test_what_a_cluster_is() -> None:
    """Workers, threads, each host once, what all of them have; modules that were only looked for are no versions."""
    place = Location("--dask-scheduler", "tcp://me:secret@far:1", "pytest")
    info = cluster_info(place, [introduction(), introduction()], ["benchmarks"], 2, 6)

    assert (info.workers, info.threads, info.hosts, info.address) == (2, 6, ["far"], "tcp://far:1")
    assert set(info.versions) == {"Python", "process-pool-benchmarks", "pytest"}


def test_workers_are_told_apart() -> None:
    """By their process ids on this machine; elsewhere by host and id, which two hosts may both have."""
    assert identity(platform.node(), os.getpid()) == os.getpid()
    assert len({identity("a", 1), identity("b", 1), identity("a", 2)}) == 3


def test_all_workers_must_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is asked until all have answered is asked no longer than ten seconds."""
    answers: Iterator[list[Introduction]] = iter([[("a", 1, {}), ("a", 1, {})], [("a", 1, {}), ("a", 2, {})]])

    assert {pid for _, pid, _ in all_of(lambda _number: next(answers), 2)} == {1, 2}

    monkeypatch.setattr("benchmarks.strategies.clusters.PROVE_SECONDS", 0.0)
    with pytest.raises(ClusterError, match=r"^only 1 of 2 workers answered within 0 s, the others are busy or gone: "):
        all_of(lambda _number: [("a", 1, {})], 2)

    assert len(all_of(lambda _number: [("a", 1, {}), ("a", 2, {})], 2)) == 2, "late, but all of them"
