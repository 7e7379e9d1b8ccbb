"""The rows of the speed table, each with the function that measures it.

`turns`: how often what is compared is measured, in turn. `quick_turns`: the same for the gate in CI, 0 where the row is
not among its rows. Those are the rows whose ratios stand for most of what can go wrong and that cost least: the clone
(4), the services side by side (5), and the two ways into a warm host (2, 3), with one bare command a turn. Left out:
what needs another environment (2.11, in-a-box, 12), what repeats another row at length (1, 7, 9), and what two cores
shared with a neighbour can't tell in two minutes (8, 11).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import export, in_a_box, many, metadata, runners, scenarios, services, set_up, workers
from benchmarks.figures import Line


@dataclass(frozen=True)
class Row:
    number: int
    title: str
    measure: Callable[[int], list[Line]]
    turns: int
    quick_turns: int = 0
    quick: Callable[[int], list[Line]] | None = None
    """What is measured for the gate, where that is not all of the row."""


ROWS = (
    Row(1, "runner process against the bare command", runners.process, turns=3),
    Row(2, "runner warm against the bare command", runners.warm, turns=5, quick_turns=2, quick=runners.warm_on_33),
    Row(3, "first scenario of a new pytest, warm host alive", runners.first_of_a_process, turns=3, quick_turns=2),
    Row(4, "clean metadata database against a migration", metadata.clean_database, turns=5, quick_turns=2),
    Row(
        5,
        "services ready from nothing",
        services.from_nothing,
        turns=5,
        quick_turns=2,
        quick=services.from_nothing_alone,
    ),
    Row(6, "stack kept from the run before", services.kept_stack, turns=5),
    Row(7, "all scenarios that don't wait, warm", scenarios.all_warm, turns=1),
    Row(8, "two workers against one process", workers.two_workers, turns=3),
    Row(9, "500 empty scenarios", many.long_row, turns=1),
    Row(10, "against pytest-airflow-in-a-box", in_a_box.against, turns=3),
    Row(11, "export of a million listings", export.million, turns=3),
    Row(12, "make scenarios on a fresh clone", set_up.of_a_fresh_clone, turns=1),
)
