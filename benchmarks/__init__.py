"""Benchmarks of Python's process pools. The map of the floors; imports point downwards only.

Measuring:

0. `tasks`, `worker`: what runs in a worker. `environment`, `lock`: what the machine can do, and whose turn it is.
   `interrupts`: signals. `saving`: files that cannot be lost.
1. `workloads`: what is computed. `strategies.base`: the protocol.
2. `strategies`: how work is spread. `cells`: what is measured. `watch`: limits and leaks.
3. `arms`: the engines of a cell. `measure`: its rounds. `breaking`, `failures`: one that breaks.
   `options`: the command line. `recording`: the run on its way to the disk. `refusals`: what is refused before it.
4. `plugin`: pytest.
5. `bench_*`: one question each.

Judging, over saved runs alone, all in `report`:

0. `stats`, `units`, `program`
1. `runs`: saved runs as the report sees them
2. `metrics`: the arms of a cell together
3. `answers`: a sentence a question. `samples`: runs without their rounds. `tables`
4. `reading`: many runs. `overview`, `render`, `plots`: what a run, or several, say. `promote`: runs that are kept
5. `judge`, `pools`: hypotheses and verdicts
6. `compare`, `noise`, `verdicts`, `grid`, `matrix`: what two samples say of each other, or more
7. `__main__`

`alternate` stands on top: it runs the former as a program, and then asks the report.

The saved run is the wall between the two, and `schema` its one description: `facts`, `measure` and `recording` write
through it, `runs` reads through it, both as `layout` says, and nothing else crosses.
"""
