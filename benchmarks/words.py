"""Words of the saved run that both wings say: what is judged, what is measured beside it, what is observed."""

from typing import Final

SPEEDUP = "speedup"
EFFICIENCY = "efficiency"
OVERHEAD = "overhead"
CPU_TIME = "CPU time"
FIRST_RESULT = "first result"
PEAK_MEMORY = "peak memory"
FUNCTION_TIME = "function time"
JUDGED = (SPEEDUP, EFFICIENCY, OVERHEAD, CPU_TIME, FIRST_RESULT, PEAK_MEMORY, FUNCTION_TIME)
"""The quantities that a family can be judged by; `report/quantities.py` has their formulas."""

TARGET_FAMILY = "target"
"""The family of a person's own function."""

LONG: Final = "long tasks"
SHORT: Final = "short tasks"
ALL: Final = "all tasks"
"""Which tasks of its family a cell has: those in which the work, or the call, takes most of the time; or any."""

SUITE = "process-pool-benchmarks"
"""What this suite is called among the releases that a cluster's workers have."""

IMPORT = "import"
CREATE = "create"
SHUTDOWN = "shutdown"
STAGES = (CREATE, FIRST_RESULT, SHUTDOWN)
"""What a cold run measures of itself, in seconds; a script's also what it imports its engine in."""

WARM = "warm"
COLD = "cold"
FRESH = "fresh interpreter"
STATES = (WARM, COLD, FRESH)
"""States of a cell: pool and workers exist; each run makes them; each run makes them in an interpreter of its own."""

STANDARD_METHODS = ("fork", "forkserver", "spawn")
"""The start methods of `multiprocessing`, whatever the platform."""

NO_METHOD = "none"
"""The start method of a cell whose workers are not started as processes."""

CALLER_SEES = "caller sees"
AFTERWARDS = "pool afterwards"
LEFT_BEHIND = "left behind"
"""What is observed of a cell that breaks."""

HANGS = "a hang"
CALLER_ENDS = "its own end"
OR = " or "
"""What stands between the things that were observed in one cell."""
