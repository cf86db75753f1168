"""Functions as people have them, on which no model was fitted: `benchmarks.evidence.regret` asks the suite about each.

A function NAME takes one input of those that NAME_inputs() makes. Tasks take from 10 us to about 1 s, and a loop over
all inputs of a function 1 to 2 s on the README's machine. Everything is drawn from generators with seeds of their own,
so that inputs and results are the same wherever and whenever they are made.
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
import json
import lzma
import random
import re
import statistics
import tempfile
import zlib
from collections import Counter
from fractions import Fraction
from pathlib import Path
from time import sleep
from typing import Any
from urllib.parse import urlsplit

MEBIBYTE = 1 << 20

DATE = re.compile(r"\b(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])\b")


def _text(source: random.Random, words: int) -> str:
    """Return a text of words drawn from a small vocabulary, with dates and line ends among them."""
    vocabulary = ["".join(source.choices("etaoinshrdlu", k=source.randint(2, 9))) for _ in range(400)]
    vocabulary += [f"20{source.randint(10, 29)}-0{source.randint(1, 9)}-1{source.randint(0, 9)}" for _ in range(8)]
    return " ".join(word + "\n" * (source.random() < 0.1) for word in source.choices(vocabulary, k=words))


def compress(text: bytes) -> bytes:
    """Compress a text with zlib."""
    return zlib.compress(text, 9)


def compress_inputs() -> list[bytes]:
    """Return texts of many sizes, most of them small."""
    source = random.Random("compress")
    text = _text(source, 100_000).encode()
    sizes = [min(len(text), int(source.lognormvariate(10.5, 1.0))) for _ in range(400)]
    return [text[start : start + size] for size in sizes for start in (source.randint(0, len(text) - size),)]


def archive(text: bytes) -> bytes:
    """Compress a text with lzma."""
    return lzma.compress(text)


def archive_inputs() -> list[bytes]:
    """Return few large texts."""
    return [_text(random.Random(f"archive {n}"), 90_000 + 10_000 * n).encode() for n in range(5)]


def parse_document(document: str) -> dict[str, int]:
    """Sum up a JSON document: the quantities by product."""
    found: Counter[str] = Counter()
    for order in json.loads(document):
        for line in order["lines"]:
            found[line["product"]] += line["quantity"]
    return dict(found)


def parse_document_inputs() -> list[str]:
    """Return orders as JSON documents."""
    source = random.Random("parse_document")

    def line() -> dict[str, Any]:
        return {"product": f"p{source.randint(0, 40)}", "quantity": source.randint(1, 9), "price": source.random()}

    orders = [
        json.dumps({"number": number, "lines": [line() for _ in range(source.randint(1, 12))]}) for number in range(500)
    ]
    return [f"[{', '.join(source.choices(orders, k=source.randint(2, 60)))}]" for _ in range(2500)]


def compare_versions(versions: tuple[str, str]) -> int:
    """Return the number of changed lines between two versions of a text."""
    before, after = (version.splitlines() for version in versions)
    return sum(line[0] in "+-" for line in difflib.unified_diff(before, after, lineterm="", n=0))


def compare_versions_inputs() -> list[tuple[str, str]]:
    """Return pairs of versions: of each ten lines one or so is left out, and one doubled."""
    source = random.Random("compare_versions")
    text = _text(source, 20_000).splitlines()
    found = []
    for _ in range(150):
        lines = source.sample(text, source.randint(300, 1200))
        changed = [line for line in lines for _ in range(source.choice((0, 1, 1, 1, 1, 1, 1, 2)))]
        found.append(("\n".join(lines), "\n".join(changed)))
    return found


def exact_moments(values: list[str]) -> tuple[str, float]:
    """Return the exact mean of decimal numbers, as a fraction, and their standard deviation."""
    exact = [Fraction(value) for value in values]
    return str(sum(exact) / len(exact)), statistics.stdev(map(float, exact))


def exact_moments_inputs() -> list[list[str]]:
    """Return lists of decimal numbers."""
    source = random.Random("exact_moments")
    return [[f"{source.gauss(10, 3):.6f}" for _ in range(source.randint(50, 150))] for _ in range(900)]


def find_dates(text: str) -> list[str]:
    """Return the days of the dates in a text, each once."""
    return sorted({match.group(3) for match in DATE.finditer(text)})


def find_dates_inputs() -> list[str]:
    """Return texts."""
    source = random.Random("find_dates")
    text = _text(source, 100_000)
    return [text[start : start + 30_000] for start in source.choices(range(len(text) - 30_000), k=1000)]


def read_table(text: str) -> dict[str, float]:
    """Sum a CSV table's amounts by place."""
    found: dict[str, float] = {}
    for row in csv.DictReader(io.StringIO(text)):
        found[row["place"]] = found.get(row["place"], 0.0) + float(row["amount"])
    return found


def read_table_inputs() -> list[str]:
    """Return tables with some hundred rows each."""
    source = random.Random("read_table")

    rows = [
        f'{number},"{source.choice("abcdefgh")}, town",{source.random():.4f},{source.randint(1, 99)}'
        for number in range(2000)
    ]
    return ["\n".join(["id,place,amount,count", *source.choices(rows, k=source.randint(200, 800))]) for _ in range(700)]


def hash_file(path: str) -> str:
    """Return the SHA-3 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha3_512").hexdigest()


def hash_file_inputs() -> list[str]:
    """Return the paths of files in a folder that is filled once, and used again."""
    folder = Path(tempfile.gettempdir()) / "process-pool-benchmarks-files"
    folder.mkdir(exist_ok=True)
    source = random.Random("hash_file")
    found = []
    for n in range(150):
        size = source.randint(MEBIBYTE // 8, 2 * MEBIBYTE)
        path = folder / f"{n:03d}.bin"
        if not path.exists() or path.stat().st_size != size:
            path.write_bytes(random.Random(f"hash_file {n}").randbytes(size))
        found.append(str(path))
    return found


def blur(image: bytes) -> bytes:
    """Return the means of three neighbours in each row of a square picture, and then in each column."""
    width = round(len(image) ** 0.5)
    for _ in range(2):
        rows = [image[start : start + width] for start in range(0, len(image), width)]
        threes = (zip(row[-1:] + row[:-1], row, row[1:] + row[:1], strict=True) for row in rows)
        means = [[(a + b + c) // 3 for a, b, c in row] for row in threes]
        image = bytes(value for column in zip(*means, strict=True) for value in column)
    return image


def blur_inputs() -> list[bytes]:
    """Return square pictures."""
    return [random.Random(f"blur {n}").randbytes(128 * 128) for n in range(180)]


def loudest(seed: int) -> list[int]:
    """Return the places of the loudest frequencies of a noise, by NumPy's Fourier transform."""
    import numpy as np  # noqa: PLC0415 - the other functions do without NumPy

    signal = np.random.default_rng(seed).normal(size=1 << 16)
    found: list[int] = np.argsort(np.abs(np.fft.rfft(signal)))[-10:].tolist()
    return found


def loudest_inputs() -> list[int]:
    """Return seeds."""
    return list(range(250))


def ask_service(number: int) -> int:
    """Wait for the answer of a service, which takes 5 ms."""
    sleep(0.005)
    return number * number


def ask_service_inputs() -> list[int]:
    """Return what it is asked."""
    return list(range(240))


def ask_and_parse(document: str) -> dict[str, int]:
    """Wait 2 ms for a document, and sum it up."""
    sleep(0.002)
    return parse_document(document)


def ask_and_parse_inputs() -> list[str]:
    """Return what the service answers."""
    return parse_document_inputs()[:500]


def longest_chain(most: int) -> tuple[int, int]:
    """Return the length of the longest Collatz sequence that starts below a number, and its start."""
    best = (0, 0)
    for start in range(1, most):
        number, length = start, 1
        while number != 1:
            number = number // 2 if number % 2 == 0 else 3 * number + 1
            length += 1
        best = max(best, (length, start))
    return best


def longest_chain_inputs() -> list[int]:
    """Return few large numbers among many small ones: the n-th largest is one n-th of the largest (Zipf)."""
    numbers = [2 + 30_000 // rank for rank in range(1, 1001)]
    random.Random("longest_chain").shuffle(numbers)
    return numbers


def make_noise(seed: int) -> bytes:
    """Return 1 MiB of noise, mixed from four: a result that takes its time on the way back."""
    source = random.Random(seed)
    one, other, third, fourth = (source.getrandbits(8 * MEBIBYTE) for _ in range(4))
    return (one & other | third & fourth).to_bytes(MEBIBYTE, "little")


def make_noise_inputs() -> list[int]:
    """Return seeds."""
    return list(range(120))


def count_controls(block: bytes) -> list[int]:
    """Return how often each of the first control characters occurs in a block of 1 MiB."""
    return [block.count(value) for value in range(20)]


def count_controls_inputs() -> list[bytes]:
    """Return blocks of 1 MiB."""
    return [random.Random(f"count_controls {n}").randbytes(MEBIBYTE) for n in range(120)]


def find_host(address: str) -> str | None:
    """Return the host of an address of the web."""
    return urlsplit(address).hostname


def find_host_inputs() -> list[str]:
    """Return addresses, none of them twice: the library remembers the last ones."""
    source = random.Random("find_host")
    return [f"https://host{source.randint(0, 999)}.example.org/shop/{n}?page={n % 99}" for n in range(95_000)]


def distance(words: tuple[str, str]) -> int:
    """Return the edit distance of two words."""
    one, other = words
    row = list(range(len(other) + 1))
    for place, letter in enumerate(one, 1):
        diagonal, row[0] = row[0], place
        for n, opposite in enumerate(other, 1):
            diagonal, row[n] = row[n], min(diagonal + (letter != opposite), row[n] + 1, row[n - 1] + 1)
    return row[-1]


def distance_inputs() -> list[tuple[str, str]]:
    """Return pairs of words."""
    source = random.Random("distance")
    words = ["".join(source.choices("etaoinshrdlu", k=source.randint(4, 16))) for _ in range(2000)]
    return [(source.choice(words), source.choice(words)) for _ in range(20_000)]


def count_queens(board: tuple[int, int]) -> int:
    """Return in how many ways queens stand on a board of a size, the first of them in a column."""
    size, column = board

    def ways(columns: int, left: int, right: int) -> int:
        if columns == (1 << size) - 1:
            return 1
        free = ~(columns | left | right) & ((1 << size) - 1)
        found = 0
        while free:
            bit = free & -free
            free -= bit
            found += ways(columns | bit, (left | bit) << 1, (right | bit) >> 1)
        return found

    return ways(1 << column, 2 << column, 1 << column >> 1)


def count_queens_inputs() -> list[tuple[int, int]]:
    """Return a board's columns."""
    return [(12, column) for column in range(12)]


def digits_of_pi(number: int) -> str:
    """Return the last ten of so many digits of pi, by Machin's formula in whole numbers."""
    one: int = 10 ** (number + 10)

    def arctangent(divisor: int) -> int:
        term = total = one // divisor
        n, sign = 3, -1
        while term:
            term //= divisor * divisor
            total += sign * (term // n)
            n, sign = n + 2, -sign
        return total

    return f"{4 * (4 * arctangent(5) - arctangent(239)) // 10**10 % 10**10:010d}"


def digits_of_pi_inputs() -> list[int]:
    """Return few numbers, of which none takes as long as another."""
    return [20_000, 28_000, 16_000, 22_000, 18_000]
