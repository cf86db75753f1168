"""What a saved run says of its machine and its interpreter."""

from __future__ import annotations

import multiprocessing
import os
import platform
import sys
import sysconfig

from benchmarks import environment
from benchmarks.schema import Environment, Moment


def stable_facts() -> Environment:
    """Return what stays the same from run to run on one machine with one interpreter: runs are compared by it."""
    return Environment(
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        build=" ".join(platform.python_build()),
        compiler=platform.python_compiler(),
        free_threaded=bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        gil=environment.gil_enabled(),
        system=platform.system(),
        release=platform.release(),
        machine=platform.machine(),
        node=platform.node(),
        cpu_model=environment.cpu_model(),
        cpus=os.cpu_count(),
        affinity=environment.affinity(),
        quota=environment.cpu_quota(),
        usable_cpus=environment.usable_cpus(),
        start_methods=", ".join(environment.start_methods()),
        # the first one is the default; asking for the default itself would fix it
        default_start_method=multiprocessing.get_all_start_methods()[0],
        caches_bytecode=not sys.dont_write_bytecode,
        standard_library_cached=environment.standard_library_cached(),
    )


def passing_facts() -> Moment:
    """Return what changes by the minute."""
    return Moment(
        load_average=environment.load_average(),
        stolen_seconds=environment.stolen_seconds(),
    )
