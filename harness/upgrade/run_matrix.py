"""Run the scenarios once on each combination of the matrix."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.compare.read import Side as Evidence
from harness.compare.read import read_side
from harness.errors import HarnessError
from harness.progress import Progress
from harness.settings import Combination, Settings, SideName
from harness.upgrade.combinations import wanted_of
from harness.upgrade.matrix import Column, Matrix, make_column
from harness.upgrade.prepare import check_wanted, prepare_side
from harness.upgrade.services import share_services
from harness.upgrade.sides import Scenarios, Side, run_side


def run_matrix(
    settings: Settings, combinations: Mapping[str, Combination], scenarios: Scenarios, folder: Path, progress: Progress
) -> Matrix:
    """Run the combinations one after another.

    The evidence of each combination goes into the folder of its name in `folder`. A combination that can't be installed
    or run is a column with the reason.
    """
    columns: list[Column] = []
    first: Evidence | None = None
    with share_services(settings.root) as services_of:
        for number, (name, combination) in enumerate(combinations.items()):
            try:
                side = prepare(combination, settings, progress)
                left_out = [f"--deselect={scenario}" for scenario in combination.without]
                run = run_side(side, scenarios, folder / name, services_of(side), progress, name, left_out)
                evidence: Evidence | str = run.failed or read_side([run.evidence], every_shard=False)
            except HarnessError as error:
                evidence = str(error)
            columns.append(make_column(name, combination.to, combination.without, evidence, first))
            if number == 0 and not isinstance(evidence, str):
                first = evidence
    return Matrix(columns=tuple(columns))


def prepare(combination: Combination, settings: Settings, progress: Progress) -> Side:
    """Resolve and install what the combination needs. Raises HarnessError.

    Edited DAGs get the declarations of an upgrade's candidate, the project's own DAGs those of its baseline.
    """
    wanted = wanted_of(combination, settings.root)
    check_wanted(wanted, settings)
    name: SideName = "candidate" if combination.dags_folder else "baseline"
    return prepare_side(name, wanted, settings, combination.dags_folder, progress=progress)
