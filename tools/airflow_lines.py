"""`make lines`: run the scenarios by the process runner on the Airflow lines that CI leaves out; end in a table."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Console
from rich.table import Table

from harness.airflow.making.commands import FailedError
from harness.airflow.making.pythons import NoPythonError, probe
from tools.environments.lines import LINES, ROOT
from tools.environments.make import make

FAILED = 1


@dataclass(frozen=True)
class Outcome:
    """Result of one line's scenarios; `not_run` maps skipped scenarios to their reasons."""

    line: str
    python: str
    passed: int
    failed: tuple[str, ...]
    not_run: dict[str, str]
    fault: str | None = None
    """Why the scenarios could not run, or why pytest did not end normally."""

    @property
    def is_good(self) -> bool:
        return not self.failed and self.fault is None and self.passed > 0


def main(arguments: Sequence[str]) -> int:
    """Run the lines one after another; further arguments are passed to pytest."""
    parser = argparse.ArgumentParser(prog="airflow_lines", description=__doc__)
    parser.add_argument("--line", action="append", choices=list(LINES), help="this line only; may be repeated")
    chosen, others = parser.parse_known_args(arguments)
    lines = chosen.line or [name for name, line in LINES.items() if line.preferred]
    outcomes = [run(line, others) for line in lines]
    show(Console(width=None if Console().is_terminal else 160), outcomes)
    return 0 if all(outcome.is_good for outcome in outcomes) else FAILED


def run(line: str, arguments: Sequence[str]) -> Outcome:
    """Create the line's environment and run the scenarios in it."""
    print(f"\nAirflow {line}", flush=True)
    try:
        environment = make(f"airflow-{line}", ROOT, os.environ)
    except (NoPythonError, FailedError) as error:
        return Outcome(line, "none", 0, (), {}, str(error))
    python = environment.folder / "bin" / "python"
    found = probe(str(python))
    junit = ROOT / ".harness" / "junit" / f"lines-airflow-{line}.xml"
    junit.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "scenarios", "--harness-runner", "process", f"--junitxml={junit}", *arguments],
        cwd=ROOT,
        env={**os.environ, "HARNESS_AIRFLOW_PYTHON": str(python)},
        check=False,
    )
    return read(line, found.version if found else "unknown", junit, done.returncode)


def read(line: str, python: str, junit: Path, exit_code: int) -> Outcome:
    """Read the outcome from pytest's JUnit file."""
    if not junit.is_file():
        return Outcome(line, python, 0, (), {}, f"pytest exited with {exit_code} and wrote no {junit.name}")
    passed, failed, not_run = 0, [], {}
    for case in ElementTree.parse(junit).iter("testcase"):  # noqa: S314  # our own file
        name = f"{case.get('classname', '').rpartition('.')[2]}::{case.get('name')}"
        skipped = case.find("skipped")
        if skipped is not None:
            not_run[name] = (skipped.get("message") or "no reason given").removeprefix("not run: ")
        elif case.find("failure") is not None or case.find("error") is not None:
            failed.append(name)
        else:
            passed += 1
    fault = None if failed or exit_code == 0 else f"pytest exited with {exit_code}"
    return Outcome(line, python, passed, tuple(failed), not_run, fault)


def show(console: Console, outcomes: Sequence[Outcome]) -> None:
    """Print a table of the lines, then the failed scenarios, and the skipped ones by reason."""
    table = Table("Airflow", "Python", "passed", "failed", "not run", title="scenarios by Airflow line")
    for each in outcomes:
        table.add_row(each.line, each.python, str(each.passed), str(len(each.failed)), str(len(each.not_run)))
    console.print(table)
    for each in outcomes:
        remarks = [each.fault] if each.fault else []
        remarks += [f"{name} failed" for name in each.failed]
        for reason in dict.fromkeys(each.not_run.values()):
            names = [name for name, why in each.not_run.items() if why == reason]
            remarks.append(f"not run, {reason}: {', '.join(names)}")
        for line in remarks:
            console.print(f"{each.line}: {line}", highlight=False, markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
