"""The rows of the speed table, each with the function that measures it.

`turns`: number of alternating measurements of both sides. `quick_turns`: the same for the gate in CI, 0 for rows that
the gate skips. The gate's rows catch most regressions at the lowest cost: the clone (4) and both ways into a warm host
(2, 3), with one bare command a turn. The gate skips rows that need another environment (2.11, in-a-box), rows that
repeat another row at length or run all scenarios (1, 7, 9, 15, 17), rows without a goal or with one in seconds (5, 6,
8, 12, 13, 14, 16), and a row that two minutes on two shared cores can't resolve (11).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import (
    compare_evidence,
    evidence_schema,
    export,
    in_a_box,
    many,
    metadata,
    plain_pytest,
    runners,
    scenarios,
    services,
    set_up,
    upgrade,
    workers,
)
from benchmarks.figures import Line


@dataclass(frozen=True)
class Row:
    number: int
    title: str
    measure: Callable[[int], list[Line]]
    turns: int
    quick_turns: int = 0
    quick: Callable[[int], list[Line]] | None = None
    """Measures a part of the row for the gate; None for the whole row."""


ROWS = (
    Row(1, "runner process against the bare command", runners.process, turns=3),
    Row(2, "runner warm against the bare command", runners.warm, turns=5, quick_turns=2, quick=runners.warm_on_33),
    Row(3, "first scenario of a new pytest, warm host alive", runners.first_of_a_process, turns=3, quick_turns=2),
    Row(4, "clean metadata database against a migration", metadata.clean_database, turns=5, quick_turns=2),
    Row(5, "services ready from nothing", services.from_nothing, turns=5),
    Row(6, "stack kept from the run before", services.kept_stack, turns=5),
    Row(7, "all scenarios that don't wait, warm", scenarios.all_warm, turns=1),
    Row(8, "two workers against one process", workers.two_workers, turns=3),
    Row(9, "500 empty scenarios", many.long_row, turns=1),
    Row(10, "against pytest-airflow-in-a-box", in_a_box.against, turns=3),
    Row(11, "export of a million listings", export.million, turns=3),
    Row(12, "pytest without scenarios in a project that declares the harness", plain_pytest.later_start, turns=10),
    Row(13, "make scenarios on a fresh clone", set_up.fresh_clone, turns=1),
    Row(14, "compare of 500 scenarios' evidence", compare_evidence.compare, turns=3),
    Row(15, "upgrade check against its own pytests", upgrade.check, turns=1),
    Row(16, "an environment from a warm package cache", upgrade.environment, turns=3),
    Row(17, "evidence of schema 4 against schema 3", evidence_schema.against_schema_3, turns=2),
)
