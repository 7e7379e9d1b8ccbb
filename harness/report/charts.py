"""Layout of the Gantt chart and the graph that the report's page draws."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.airflow.facts import RunFacts, TaskResult

CHARACTER, PADDING, NARROWEST, LONGEST_LABEL = 7.6, 24, 96, 26
BOX_HEIGHT, GAP, STEP = 46, 18, 82
WORST = ("failed", "upstream_failed", "up_for_retry", "running", "queued", "scheduled", None, "skipped", "success")
"""States of mapped instances by severity: the first of these states that any instance has represents all."""


@dataclass(frozen=True)
class Bar:
    """One task of the Gantt chart; positions in percent, None if the task never ran."""

    task: TaskResult
    left: float | None
    width: float | None


@dataclass(frozen=True)
class Gantt:
    """A Gantt chart; each of `ticks` is a position in percent and a label."""

    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Box:
    """One task of the graph with its state in words, its centre at `x`, its top at `y`."""

    task_id: str
    label: str
    state: str | None
    state_text: str
    x: float
    y: float
    width: float


@dataclass(frozen=True)
class Graph:
    """A graph; `lines` are SVG paths from the bottom of one box to the top of another."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    lines: tuple[str, ...]
    description: str


def gantt(run: RunFacts) -> Gantt:
    """Return the tasks' chart in the order of their start; unstarted tasks come last."""
    timed = {
        t.task_id: (t.start.timestamp(), t.end.timestamp()) for t in run.tasks.values() if t.start and t.end and t.tries
    }
    first = min((start for start, _ in timed.values()), default=0.0)
    whole = max((end for _, end in timed.values()), default=0.0) - first or 1e-3
    ordered = sorted(run.tasks.values(), key=lambda task: (task.task_id not in timed, timed.get(task.task_id, (0, 0))))
    bars = []
    for task in ordered:
        if task.task_id in timed:
            start, end = timed[task.task_id]
            bars.append(Bar(task, round(100 * (start - first) / whole, 3), round(100 * (end - start) / whole, 3)))
        else:
            bars.append(Bar(task, None, None))
    return Gantt(tuple(bars), _ticks(whole) if timed else ())


def _ticks(whole: float) -> tuple[tuple[float, str], ...]:
    """Return three to six ticks at round numbers of seconds."""
    power = 10.0 ** math.floor(math.log10(whole))
    step = next(f * power for f in (0.2, 0.5, 1, 2) if whole / (f * power) <= 5)
    return tuple((round(100 * n * step / whole, 3), f"{n * step:g} s") for n in range(int(whole / step) + 1))


def graph(run: RunFacts) -> Graph | None:
    """Return the graph, each task below its upstream tasks; None if the edges are unknown."""
    if run.edges is None:
        return None
    instances: dict[str, list[TaskResult]] = defaultdict(list)
    for task in run.tasks.values():
        instances[task.task_id.partition("[")[0]].append(task)
    names = list(dict.fromkeys([*instances, *(name for edge in run.edges for name in edge)]))
    states = {name: _state(instances[name]) for name in names}
    rows, ways = _rows(names, run.edges)
    # An edge reserves places in the rows that it crosses. Such a place gets no box.
    widths = {place: _box_width(place, states[place][1]) if place in states else 0.0 for row in rows for place in row}
    whole = max((_row_width(row, widths) for row in rows), default=0.0)
    spots: dict[str, tuple[float, float]] = {}
    for number, row in enumerate(rows):
        left = (whole - _row_width(row, widths)) / 2
        for place in row:
            spots[place] = (round(left + widths[place] / 2, 1), number * STEP + 2.0)
            left += widths[place] + GAP
    boxes = tuple(
        Box(name, _label(name), *states[name], *spots[name], width=round(widths[name], 1))
        for row in rows
        for name in row
        if name in states
    )
    description = ", ".join(f"{before} before {after}" for before, after in run.edges) or "no task waits for another"
    height = max(len(rows) - 1, 0) * STEP + BOX_HEIGHT + 4
    return Graph(
        round(whole, 1), height, boxes, tuple(_line([spots[place] for place in way]) for way in ways), description
    )


def _label(name: str) -> str:
    # The end of a task's id distinguishes it better than the group that the id starts with.
    return name if len(name) <= LONGEST_LABEL else f"…{name[1 - LONGEST_LABEL :]}"


def _box_width(name: str, state_text: str) -> float:
    return max(NARROWEST, max(len(_label(name)), len(state_text) + 2) * CHARACTER + PADDING)


def _rows(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> tuple[list[list[str]], list[list[str]]]:
    """Return each row's places, tasks by their longest path, and each edge's places."""
    before: dict[str, list[str]] = {name: [a for a, b in edges if b == name] for name in names}
    depth = dict.fromkeys(names, 0)
    for _ in names:  # The depths of n tasks are final after n rounds.
        depth = {name: max((depth[one] + 1 for one in before[name]), default=0) for name in names}
    rows: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in names:
        rows[depth[name]].append(name)
    ways: list[list[str]] = []
    above: dict[str, list[str]] = defaultdict(list)
    for start, end in edges:
        way = [start, *(f"{start} to {end} in row {row}" for row in range(depth[start] + 1, depth[end])), end]
        ways.append(way)
        for level, place in enumerate(way[1:-1], start=depth[start] + 1):
            rows[level].append(place)
        for upper, lower in pairwise(way):
            above[lower].append(upper)
    along: dict[str, float] = {}
    for row in rows:
        row.sort(key=lambda place: _mean([along[one] for one in above[place] if one in along]))
        along.update({place: (number + 0.5) / len(row) for number, place in enumerate(row)})
    return rows, ways


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.5


def _row_width(row: Sequence[str], widths: Mapping[str, float]) -> float:
    return sum(widths[name] for name in row) + GAP * (len(row) - 1)


def _state(instances: Sequence[TaskResult]) -> tuple[str | None, str]:
    if not instances:
        return None, "not begun"
    rank = {state: number for number, state in enumerate(WORST)}
    state = min((task.state for task in instances), key=lambda state: rank.get(state, 3))
    state_text = (state or "not begun").replace("_", " ")
    if len(instances) == 1 and "[" not in instances[0].task_id:
        return state, state_text
    return state, f"{state_text}, {sum(task.state == state for task in instances)} of {len(instances)}"


def _line(way: Sequence[tuple[float, float]]) -> str:
    """Return a path from the first place's bottom to the last one's top, through the others."""
    path = f"M{way[0][0]},{way[0][1] + BOX_HEIGHT}"
    for (x, above), (to, below) in pairwise(way):
        top, bottom = above + BOX_HEIGHT, below - (5 if (to, below) == way[-1] else 0)
        bend = (bottom - top) / 2
        path += f" C{x},{top + bend:.1f} {to},{bottom - bend:.1f} {to},{bottom}"
        if (to, below) != way[-1]:
            path += f" V{below + BOX_HEIGHT}"
    return path
