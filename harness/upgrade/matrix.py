"""The table of `harness matrix` as data.

It has the outcome of each scenario on each combination of versions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from pydantic import Field

from harness.compare.compare import compare_sides
from harness.compare.model import Data
from harness.compare.read import Side
from harness.evidence.document import ScenarioDocument, Versions

SCHEMA_VERSION: Final = 1
Result = Literal["passed", "changed", "failed", "not run"]
"""changed: the scenario passed, but its evidence differs from that of the first combination."""
NOT_COLLECTED: Final = "pytest did not collect it"
NO_EVIDENCE: Final = "it left no evidence"


class Cell(Data):
    """A scenario on a combination. `reason` is one line, empty for a scenario that passed."""

    result: Result
    reason: str = ""


class Column(Data):
    """A combination as a column of the table.

    `failed`: why it has no results, for example a package that can't be installed. `without` maps scenarios that can't
    run there, files or node ids, to the reason.
    """

    name: str
    to: tuple[str, ...] = ()
    versions: Versions | None = None
    cells: dict[str, Cell] = Field(default_factory=dict)
    without: dict[str, str] = Field(default_factory=dict)
    failed: str | None = None

    def cell(self, scenario: str) -> Cell:
        """Return the cell of a scenario that some column has."""
        return self.cells.get(scenario) or Cell(result="not run", reason=self._why_not(scenario))

    def _why_not(self, scenario: str) -> str:
        # pytest's --deselect leaves out the same scenarios: those whose node id starts with the text.
        left_out = (reason for start, reason in self.without.items() if scenario.startswith(start))
        return self.failed or next(left_out, NOT_COLLECTED)

    @property
    def is_good(self) -> bool:
        """Whether a scenario passed, and none failed."""
        results = {cell.result for cell in self.cells.values()}
        return self.failed is None and "failed" not in results and bool(results & {"passed", "changed"})


class Matrix(Data):
    """The combinations, in the order of their declaration."""

    schema_version: Literal[1] = SCHEMA_VERSION
    kind: Literal["matrix"] = "matrix"
    columns: tuple[Column, ...]

    @property
    def scenarios(self) -> list[str]:
        return sorted({scenario for column in self.columns for scenario in column.cells})

    @property
    def exit_code(self) -> int:
        """1 if a scenario failed or a combination has no scenario that passed, else 0.

        A changed scenario has passed.
        """
        return 0 if all(column.is_good for column in self.columns) else 1


def make_column(
    name: str, to: Sequence[str], without: Mapping[str, str], side: Side | str, first: Side | None = None
) -> Column:
    """Return the column of a combination.

    `side` is its evidence, or the reason why it has no results. `first` is the evidence of the first column.
    """
    if isinstance(side, str):
        return Column(name=name, to=tuple(to), without=dict(without), failed=side)
    changes = _list_changes(first, side) if first and first.scenarios.keys() & side.scenarios.keys() else {}
    cells = {scenario: _cell(document, changes.get(scenario, ())) for scenario, document in side.scenarios.items()}
    cells |= {scenario: Cell(result="failed", reason=NO_EVIDENCE) for scenario in side.without_evidence}
    return Column(name=name, to=tuple(to), versions=side.versions, cells=cells, without=dict(without))


def _cell(document: ScenarioDocument, changes: Sequence[str]) -> Cell:
    if document.outcome != "passed":
        return Cell(result=document.outcome, reason=_first_line(document.failure or document.reason))
    if not changes:
        return Cell(result="passed")
    more = f" (and {len(changes) - 1} more)" if len(changes) > 1 else ""
    return Cell(result="changed", reason=_first_line(changes[0]) + more)


def _list_changes(first: Side, side: Side) -> dict[str, list[str]]:
    """Return the differences that would fail a comparison, by scenario."""
    changes: dict[str, list[str]] = {}
    for difference in compare_sides(first, side).differences:
        if difference.fails:
            changes.setdefault(difference.scenario, []).append(f"{difference.field}: {difference.message}")
    return changes


def _first_line(text: str | None) -> str:
    return next((line.strip() for line in (text or "").splitlines() if line.strip()), "no reason is known")
