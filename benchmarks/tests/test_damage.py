"""The report survives any file: damaged ones against every command."""

from __future__ import annotations

import json
import random
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks import layout
from benchmarks.evidence.damage import damaged, faults, laid_out, small_run
from benchmarks.layout import SchemaError
from benchmarks.tests.saved import report

SEEDS = range(60)


@pytest.mark.parametrize("seed", SEEDS)
def test_seeded_damage(seed: int) -> None:
    """Damage in values, types, structure, encoding and length ends in a line that names the file, in each command."""
    assert faults(damaged(small_run(), random.Random(seed))) == []


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="pictures need Matplotlib: pip install -e '.[plots]'")
@pytest.mark.parametrize("seed", SEEDS[:4])
def test_seeded_damage_in_pictures(seed: int) -> None:
    """The same for what is drawn."""
    data = next(
        data
        for source in map(random.Random, range(1000 * seed, 1000 * seed + 1000))
        for data in [damaged(small_run(), source)]
        if data != json.dumps(small_run()).encode() and readable(data)
    )

    assert faults(data, pictures=True) == []


def readable(data: bytes) -> bool:
    """Say whether a damaged document is still one."""
    try:
        layout.decode(data)
    except SchemaError:
        return False
    return True


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False))
def test_damage_that_hypothesis_thinks_of(source: random.Random) -> None:
    """Whatever is drawn; a fault is made as small as can be."""
    assert faults(damaged(small_run(), source)) == []


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    """Bytes that are no run at all are refused by one error, and by no other exception."""
    with pytest.raises(SchemaError):
        layout.decode(data)


@pytest.mark.parametrize(
    "where", [b'{"version": "\x80"}', b'{"datetime": "\x80","benchmarks":', b'{"commit_info": {"id": "\x80"}}']
)
def test_a_beginning_that_is_not_utf_8(where: bytes) -> None:
    """A stored run of which the beginning cannot be read is nobody's replicate, and no fault of the command."""
    assert layout.beginning(where) is None


def changed(*keys: Any, value: Any) -> bytes:
    """Return the small run with another value at a place."""
    document: Any = small_run()
    place = document
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    return json.dumps(document).encode("utf-8", "surrogatepass")


STATS = ("benchmarks", 0, "stats")
INFO = ("benchmarks", 0, "extra_info")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty; it may have been cut off"),
        (b'{"x": "\xff"}', "is not UTF-8 (byte 7); delete it"),
        (b"[1]", "not a run of this suite (it has no key 'suite')"),
        (b'{"suite": null}', "not a run of this suite"),
        (changed("suite", "schema", value=1), "saved with schema '1', this report reads 3: measure again"),
        (changed("suite", "schema", value="new"), "saved with schema 'new', this report reads 3"),
        (changed("suite", "schema", value=2.0), "saved with schema '2.0', this report reads 3"),
        (changed("datetime", value=5), "damaged: Expected `str`, got `int` - at `$.datetime`"),
        (
            changed("suite", "environment", value=[]),
            "damaged: Expected `object`, got `array` - at `$.suite.environment`",
        ),
        (changed("suite", "cells", 0, "outcome", value="lost"), "damaged: Invalid enum value 'lost'"),
        (changed(*STATS, "data", value=[]), "damaged: Expected `array` of length >= 1"),
        (
            changed(*STATS, "data", 0, value=1e308),
            "damaged: Expected `float` <= 1000000000000000.0 - at `$.benchmarks[0].stats.data[0]`",
        ),
        (changed(*INFO, "block", value=[0]), "damaged: 1 values for "),
        (changed(*INFO, "family", value="x"), "damaged: nothing is said of the family 'x'"),
        (changed("benchmarks", 0, "params", "tasks", value=0), "damaged: Expected `int` >= 1"),
        (changed("benchmarks", 1, value=small_run()["benchmarks"][0]), "damaged: a benchmark stands there twice"),
        (changed(*INFO, "family", value="a\nb"), "damaged: Expected `str` matching regex"),
        (changed("suite", "cells", 0, "id", value="\x1b[2J"), "damaged: Expected `str` matching regex"),
        (changed("suite", "families", value={"a\u2028b": {}}), "damaged: Expected `str` matching regex"),
        (changed("benchmarks", value=[]), "damaged: no numbers of the measured cell"),
    ],
)
def test_what_is_said_of_damage(tmp_path: Path, data: bytes, message: str) -> None:
    """Each kind of damage has a line of its own, with the place where it is."""
    path = laid_out(tmp_path, data)
    code, out, err = report("summary", str(path))

    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"error: {path}: {message}")


def test_deep_nesting(tmp_path: Path) -> None:
    """It is refused in one line, whether the Python at hand gives up on its depth (up to 3.13) or reads it."""
    path = laid_out(tmp_path, b'{"x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}")
    code, out, err = report("summary", str(path))

    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith((f"error: {path}: is nested too deep to be a run", f"error: {path}: not a run of this suite"))


def test_a_bad_file_beside_good_ones(tmp_path: Path) -> None:
    """It is named and left out; the others are judged, and the exit code is not that of a regression."""
    path = laid_out(tmp_path, b"{")
    code, out, err = report("compare", "before", "after", f"--storage={tmp_path}")

    assert code == 2
    assert err.startswith(f"error: {path}: is not JSON")
    assert "before (3 runs) against after (3 runs)." in out


def test_what_is_written_is_read() -> None:
    """A document that the schema has written comes back as it was, through either layout."""
    document = small_run()
    known = layout.decode(json.dumps(document).encode())

    assert layout.decode(layout.encode(document)) == known
    assert layout.decode(msgspec.json.format(layout.encode(document), indent=4)) == known
