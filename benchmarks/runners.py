"""Rows 1 to 3: a scenario of the empty DAG, compared with the bare `airflow dags test`."""

from __future__ import annotations

from pathlib import Path

from benchmarks import inner
from benchmarks.airflow_lines import python_of
from benchmarks.figures import Goal, Line
from benchmarks.kept import down


def process(turns: int) -> list[Line]:
    """Measure row 1, without the first scenario, in whose setup the services start."""
    session = _in_turn("process", turns + 1, "--harness-runner", "process")
    return [
        Line(
            row=1,
            key="1 process",
            what="runner process: an isolated scenario / the bare command",
            unit="s",
            ours=session.of("test_scenario")[1:],
            against=session.noted("bare")[1:],
            goal=Goal(1.05),
        )
    ]


def warm(turns: int) -> list[Line]:
    """Measure row 2 on both Airflow lines."""
    return [_warm(line, goal, turns) for line, goal in (("3.3", 0.05), ("2.11", 0.10))]


def warm_on_33(turns: int) -> list[Line]:
    """Measure row 2 without Airflow 2.11."""
    return [_warm("3.3", 0.05, turns)]


def _warm(line: str, goal: float, turns: int) -> Line:
    session = _in_turn(f"warm-{line}", turns + 1, "--harness-runner", "warm", airflow=python_of(line))
    return Line(
        row=2,
        key=f"2 warm {line}",
        what=f"runner warm, second and later scenarios, Airflow {line} / the bare command",
        unit="s",
        ours=session.of("test_scenario")[1:],
        against=session.noted("bare")[1:],
        goal=Goal(goal),
        note="clean metadata database, evidence gathered",
    )


def first_of_a_process(turns: int) -> list[Line]:
    """Measure row 3: every turn is a new pytest process, whose first test is the scenario."""
    folder = inner.project("first", "turns")
    kept = ("--harness-runner", "warm", "--harness-reuse")
    try:
        inner.run_pytest(folder, *kept, more={"BENCH_TURNS": "1", "BENCH_BARE": "0"})
        sessions = [inner.run_pytest(folder, *kept, more={"BENCH_TURNS": "1"}) for _ in range(turns)]
    finally:
        down(folder)
    return [
        Line(
            row=3,
            key="3 first",
            what="first scenario of a new pytest, warm host alive, stack kept / the bare command",
            unit="s",
            ours=tuple(session.of("test_scenario")[0] for session in sessions),
            against=tuple(session.noted("bare")[0] for session in sessions),
            goal=Goal(0.15),
            note="with the session's fixtures",
        )
    ]


def _in_turn(name: str, turns: int, *options: str, airflow: Path = inner.AIRFLOW_PYTHON) -> inner.Session:
    folder = inner.project(name, "turns")
    try:
        more = {"BENCH_TURNS": str(turns), "HARNESS_AIRFLOW_PYTHON": str(airflow)}
        return inner.run_pytest(folder, *options, more=more)
    finally:
        down(folder)
