"""Run commands of Airflow for a project without services: read DAGs, check settings."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from harness.airflow.dagbag import DagBag, read_dagbag
from harness.airflow.environments import AirflowEnvironment
from harness.airflow.layout import find_layout, list_variables
from harness.airflow.run_environment import run_environment
from harness.airflow.runners import Execute, process
from harness.airflow.runners.image import create_runner
from harness.compatibility.find import find_in_broken_files, find_in_running_files
from harness.compatibility.finding import CompatibilityFinding
from harness.errors import RunError
from harness.services.session import ServiceSession
from harness.settings import Settings
from harness.templating import PlaceholderValues, render_declarations, render_project


def read_dags(airflow: AirflowEnvironment, settings: Settings) -> DagBag:
    """Read the DAGs as a run reads them, but without services and a database.

    The names in pyproject's declarations have placeholder values. Raises RunError and SettingsError.
    """
    with offline_environment(airflow, settings) as (home, env):
        execute = choose_execute(airflow, settings)
        folder = read_dagbag(airflow, settings.dags_folder, env, home, settings.run_timeout, execute)
        if folder is None:
            last = (home / "dagbag.log").read_text(errors="replace").strip().splitlines()[-1:]
            raise RunError(f"Airflow could not read {settings.dags_folder}: {' '.join(last) or '(no output)'}")
        return folder


def find_compatibility(
    folder: DagBag, airflow: AirflowEnvironment, dags_folder: Path
) -> tuple[CompatibilityFinding, ...]:
    """Return why files of the folder, which `airflow` has read, don't load or run.

    Raises RunError.
    """
    read = [Path(facts.file) for facts in folder.dags.values()]
    return (
        *find_in_broken_files(folder.errors, folder.missing_imports, dags_folder, airflow),
        *find_in_running_files(read, folder.missing_imports, dags_folder, airflow),
    )


def choose_execute(airflow: AirflowEnvironment, settings: Settings) -> Execute:
    """Return the runner of commands that use no service.

    The runner starts a process, or an offline container of Airflow's image.
    """
    if airflow.image is None:
        return process.execute
    return create_runner(airflow.image, settings.root, ServiceSession(settings.root, None).labels).execute


@contextmanager
def offline_environment(airflow: AirflowEnvironment, settings: Settings) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """Yield a temporary AIRFLOW_HOME and the variables of a command that uses no service."""
    values = PlaceholderValues(settings)
    connections = render_declarations(settings.connections, values, engine=True)
    environment = render_declarations(settings.environment, values, engine=True)
    extra = {
        **list_variables(settings),
        **render_project(settings, values, engine=True),
        **environment,
    }
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        find_layout(settings).link_config(home)
        # Airflow only parses this URL, so psycopg2 is not needed.
        url = f"sqlite:///{home}/airflow.db"
        yield home, run_environment(airflow, home, settings.dags_folder, url, connections, extra)
