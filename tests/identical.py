"""Compare sides with identical versions: all that differs must be unstable.

`python -m tests.identical --airflow-python PYTHON --pairs 10`

The chapter's scenarios and 20 of Airflow's example DAGs run in as many sessions as make up the pairs: 5 for 10 pairs.
Each session is compared with each later one, and another session is the repeat. Exits with 1 if a comparison has a
difference that is not unstable.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import combinations, count, islice
from pathlib import Path

from harness.airflow.environments import find_environment
from harness.compare.compare import compare_sides
from harness.compare.read import read_side
from harness.progress import show_progress
from harness.upgrade.every_dag import write_scenarios
from harness.upgrade.services import share_services
from harness.upgrade.sides import Scenarios, Side, run_side
from tests.airflow_examples import DATE, FAIL_ON, ON_BOTH_LINES, copy_examples

ROOT = Path(__file__).parents[1]
CHAPTER = ("scenarios", "-m", "not one_runner and not at_length")
EXAMPLES = [dag_id for dag_id in ON_BOTH_LINES if dag_id not in FAIL_ON][:20]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.identical")
    parser.add_argument("--airflow-python", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--folder", type=Path, default=ROOT / ".harness" / "identical")
    parser.add_argument("--only", choices=("chapter", "examples"), action="append")
    parser.add_argument("-n", dest="workers", default="2")
    chosen = parser.parse_args()
    python, results = chosen.airflow_python.absolute(), chosen.folder.absolute()
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as services, show_progress() as progress:
        side = Side("A", "baseline", python)
        examples = write_examples(python, Path(temporary))
        what = {"chapter": Scenarios(ROOT, CHAPTER), "examples": examples}
        what = {name: what[name] for name in chosen.only or what}
        # A side finds the services by the folder of its project.
        shared = {name: services.enter_context(share_services(each.root))(side) for name, each in what.items()}
        for number in range(count_sessions(chosen.pairs)):
            for name, each in what.items():
                scenarios = replace(each, arguments=(*each.arguments, "-n", chosen.workers))
                folder = results / name / str(number)
                folder.mkdir(parents=True, exist_ok=True)
                run = run_side(side, scenarios, folder, shared[name], progress, f"{name}, session {number + 1}")
                if run.failed:
                    print(f"{name}, session {number + 1}: {run.failed}", file=sys.stderr)
                    return 2
    lines = [line for name in what for line in find_differences(results / name, chosen.pairs)]
    print("\n".join(lines) or f"{chosen.pairs} pairs: no difference but unstable fields")
    return 1 if lines else 0


def write_examples(python: Path, project: Path) -> Scenarios:
    """Write a project with Airflow's example DAGs and their plugins; return its scenarios."""
    (project / "pyproject.toml").write_text("[tool.harness]\n")
    dags = copy_examples(find_environment(python), project / "dags")
    (dags / "plugins").rename(project / "plugins")
    (project / "scenarios").mkdir()
    return write_scenarios(EXAMPLES, DATE, project / "scenarios", project)


def count_sessions(pairs: int) -> int:
    """Return the smallest number of sessions with so many pairs, at least three: a pair needs a repeat."""
    return next(number for number in count(3) if number * (number - 1) // 2 >= pairs)


def find_differences(folder: Path, pairs: int) -> Iterator[str]:
    """Yield one line for each difference of a pair that is not unstable; print what each pair has."""
    sessions = [read_side([folder / str(number)]) for number in range(count_sessions(pairs))]
    for baseline, candidate in islice(combinations(range(len(sessions)), 2), pairs):
        repeat = next(number for number in range(len(sessions)) if number not in (baseline, candidate))
        compared = compare_sides(sessions[baseline], sessions[candidate], sessions[repeat])
        others = [one for one in compared.differences if one.verdict != "unstable"]
        unstable = sorted({one.field for one in compared.differences if one.verdict == "unstable"})
        pair = f"{folder.name}, sessions {baseline + 1} and {candidate + 1}"
        passed = sum(each.outcome == "passed" for each in sessions[candidate].scenarios.values())
        print(
            f"{pair}: {len(compared.scenarios)} scenarios compared, {passed} passed, "
            f"unstable: {', '.join(unstable) or 'nothing'}"
        )
        yield from (f"{pair}: {one.scenario}: {one.field}: {one.message}" for one in others)


if __name__ == "__main__":
    sys.exit(main())
