"""Run a pair: baseline, candidate, and baseline again, compared."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.airflow.making.locks import Lock
from harness.airflow.making.make import make_environment
from harness.airflow.making.resolve import resolve
from harness.airflow.making.targets import merge_targets, parse_target
from harness.compare.compare import compare_sides
from harness.compare.model import Comparison
from harness.compare.read import read_side
from harness.settings import Settings
from tests.upgrade_corpus.cases import Case, Pair
from tests.upgrade_corpus.project import ROOT, create_project, end_side, run_side

LINES = ROOT / ".harness" / "airflow"
PACKAGES = ("apache-airflow-providers-postgres", "apache-airflow-providers-standard", "psycopg2-binary")
"""What every environment has besides Airflow, at the versions of Airflow's release."""


def compare_pair(pair: Pair, cases: Sequence[Case], folder: Path, repeat: bool = True) -> Comparison:
    """Run the cases on both sides of a pair, in a new folder, and compare the evidence.

    Without `repeat` the baseline runs once, so that no field is known to be unstable.
    """
    project = create_project(folder / "project", cases)
    baseline = select_side(pair, pair.baseline, pair.baseline_environment)
    candidate = select_side(pair, pair.candidate, pair.candidate_environment)
    sides = {"a": baseline, "b": candidate, **({"a-repeat": baseline} if repeat else {})}
    try:
        for name, options in sides.items():
            run_side(project, options, folder / name)
    finally:
        end_side(project)
    comparison = compare_sides(*(read_side([folder / name]) for name in sides))
    (folder / "comparison.json").write_text(comparison.model_dump_json(indent=2))
    return comparison


def select_side(pair: Pair, targets: Sequence[str], line: str | None) -> list[str]:
    """Return pytest's options of a side. `line`: an Airflow line whose environment has what the targets name."""
    python = [f"python=={pair.python}"] if pair.python else []
    wanted = merge_targets(parse_target(text) for text in (*targets, *python))
    if line is not None:
        interpreter = LINES / line / "bin" / "python"
    else:
        cache_dir = Settings.load(ROOT, (), {}, {}).cache_dir
        nothing = Lock(sys.executable, platform.python_version(), (), PACKAGES)
        interpreter = make_environment(resolve(wanted, nothing, cache_dir), cache_dir)
    return [
        f"--harness-stack={'embedded' if pair.embedded else 'containers'}",
        f"--harness-airflow-python={interpreter}",
        *(f"--harness-{name}-image={reference}" for name, reference in wanted.images.items()),
    ]
