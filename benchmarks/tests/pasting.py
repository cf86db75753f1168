"""Code that a recommendation gives, run as a person would who pastes it into a script."""

from __future__ import annotations

from pathlib import Path

from benchmarks.report.paste import Pasted, code_for
from benchmarks.schema import Setting

MINE = """
import os
prepared = []

def begin():
    prepared.append(os.getpid())

def work(n):
    return n, os.getpid() in prepared
"""


def script_of(folder: Path, setting: Setting) -> Path:
    """Return a script with the code for a setting, of a function that tells whether its process was prepared.

    It prints whether all eight results are there, in order, each from a prepared one.
    """
    (folder / "mine.py").write_text(MINE)
    lines = code_for(setting, Pasted("mine:work", initializer="mine:begin"))
    body = ["inputs = list(range(8))", *lines, "print(results == [(n, True) for n in range(8)])"]
    indented = "\n".join(f"    {line}" for line in body)
    script = folder / "script.py"
    script.write_text(f'def main():\n{indented}\n\nif __name__ == "__main__":\n    main()\n')
    return script
