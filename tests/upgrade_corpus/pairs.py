"""Run a pair: baseline, candidate, and baseline again, compared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.compare.compare import compare_sides
from harness.compare.model import Comparison
from harness.compare.read import read_side
from tests.upgrade_corpus.cases import Case, Pair
from tests.upgrade_corpus.project import ROOT, create_project, end_side, run_side

LINES = ROOT / ".harness" / "airflow"


def compare_pair(pair: Pair, cases: Sequence[Case], folder: Path) -> Comparison:
    """Run the cases on both sides of a pair, in a new folder, and compare the evidence."""
    project = create_project(folder / "project", cases)
    stack = ("--harness-stack", "embedded" if pair.embedded else "containers")
    baseline = (*stack, *_options(pair.baseline_environment))
    candidate = (*stack, *_options(pair.candidate_environment))
    try:
        for name, options in (("a", baseline), ("b", candidate), ("a-repeat", baseline)):
            run_side(project, options, folder / name)
    finally:
        end_side(project)
    a, b, repeat = (read_side([folder / name]) for name in ("a", "b", "a-repeat"))
    comparison = compare_sides(a, b, repeat)
    (folder / "comparison.json").write_text(comparison.model_dump_json(indent=2))
    return comparison


def _options(environment: str | None) -> tuple[str, ...]:
    if environment is None:
        raise NotImplementedError("environments by targets")
    return ("--harness-airflow-python", str(LINES / environment / "bin" / "python"))
