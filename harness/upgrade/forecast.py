"""The forecast: what is known about the candidate before any DAG runs.

A check that can't be done says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from harness.airflow.dagbag import DagBag
from harness.airflow.environments import AirflowEnvironment
from harness.compare.model import Section
from harness.dag_reading import choose_execute, find_compatibility, offline_environment, read_dags
from harness.errors import HarnessError
from harness.settings import Settings

LINT_TIMEOUT = 120.0
OURS = "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS"
"""A variable of every run that Airflow 3 has removed. A project does not set it."""


@dataclass(frozen=True)
class Forecast:
    """The forecast's `sections` of the report, and the DAGs that the candidate read.

    `dags` is None if the candidate could not read them.
    """

    sections: tuple[Section, ...]
    dags: DagBag | None = None


def make_forecast(candidate: AirflowEnvironment | None, settings: Settings, why_not: str = "") -> Forecast:
    """Check the DAGs and the settings of the project with the candidate's Airflow.

    `settings` are those of the candidate's side. `candidate` is None if there is no interpreter to ask: `why_not` says
    why.
    """
    if candidate is None:
        return Forecast((not_done(DAG_FILES, why_not), not_done(SETTINGS, why_not)))
    airflow = candidate
    dags: list[DagBag] = []

    def find_reasons() -> Section:
        dags.append(read_dags(airflow, settings))
        findings = find_compatibility(dags[0], airflow, settings.dags_folder)
        rows = [(", ".join(found.places), found.what, found.modern) for found in findings]
        return _section(DAG_FILES, ("where", "what", "instead"), rows, f"on Airflow {airflow.airflow_version}")

    def lint() -> Section:
        return lint_settings(airflow, settings)

    with ThreadPoolExecutor() as pool:
        jobs = [(title, pool.submit(check)) for title, check in ((DAG_FILES, find_reasons), (SETTINGS, lint))]
        return Forecast(tuple(_result_of(title, job.result) for title, job in jobs), dags[0] if dags else None)


DAG_FILES = "Forecast: DAG files that will not load or run"
SETTINGS = "Forecast: Airflow settings"


def lint_settings(airflow: AirflowEnvironment, settings: Settings) -> Section:
    """Return what `airflow config lint` says of the project's settings."""
    if airflow.major < 3:  # 2.11's command compares all defaults with those of Airflow 3
        return not_done(SETTINGS, f"`airflow config lint` of {airflow.airflow_version} is about the move to Airflow 3")
    with offline_environment(airflow, settings) as (home, env):
        command, given = airflow.airflow("config", "lint"), {name: env[name] for name in env if name != OURS}
        execute = choose_execute(airflow, settings)
        result = execute(command, given, home, home / "lint.log", LINT_TIMEOUT)
    if result.exit_code != 0:
        return not_done(SETTINGS, f"`airflow config lint` exited with {result.exit_code}")
    return _section(SETTINGS, ("what `airflow config lint` says",), [(line,) for line in parse_lint(result.log)])


def parse_lint(output: str) -> list[str]:
    """Return the findings of `airflow config lint`, each in one line."""
    findings: list[str] = []
    for line in output.splitlines():
        if line.startswith("  - "):
            findings.append(line.removeprefix("  - ").strip())
        elif findings and line.strip() and not line.startswith("Please update"):
            findings[-1] += f" {line.strip()}"  # Airflow wraps long findings
    return findings


def _section(title: str, header: Sequence[str], rows: Sequence[tuple[str, ...]], note: str = "") -> Section:
    if not rows:
        return Section(title=title, note=f"nothing found {note}".strip())
    return Section(title=title, note=note, header=tuple(header), rows=tuple(rows))


def not_done(title: str, reason: str) -> Section:
    return Section(title=title, note=f"not done: {reason}")


def _result_of(title: str, check: Callable[[], Section]) -> Section:
    try:
        return check()
    except HarnessError as error:
        return not_done(title, str(error))
