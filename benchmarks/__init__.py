"""Benchmarks of Python's process pools. The map of the floors; imports point downwards only.

Measuring:

0. `workloads`, `worker`, `environment`, `lock`: what is computed, what runs in a worker, what the machine can do;
   `strategies.base` is the protocol.
1. `strategies`: how work is spread. `cells`: what is measured. `watch`: limits and leaks.
2. `measure`: one cell.
3. `plugin`: pytest.
4. `bench_*`: one question each.

Judging, over saved runs alone:

0. `report.stats`, `report.units`
1. `report.runs`: the only file that knows the schema
2. `report.metrics`
3. `report.answers`
4. `report.render`
5. `report.__main__`

The saved run is the wall between the two: the plugin hands its JSON to the report, and nothing else crosses.
"""
