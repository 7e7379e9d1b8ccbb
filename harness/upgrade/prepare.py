"""Make the environment of a side, and collect what differs from the project as it is."""

from __future__ import annotations

from pathlib import Path

from harness.airflow.environments import AirflowEnvironment, find_environment
from harness.airflow.making.current import CurrentSide
from harness.airflow.making.make import make_environment
from harness.airflow.making.resolve import Sources, resolve
from harness.airflow.making.targets import Wanted
from harness.errors import HarnessError
from harness.progress import Progress
from harness.settings import Settings, SideName
from harness.upgrade.sides import Side


def prepare_side(
    label: str,
    name: SideName,
    wanted: Wanted,
    current: CurrentSide,
    settings: Settings,
    sources: Sources,
    progress: Progress,
    dags_folder: Path | None = None,
) -> Side:
    """Resolve and install what the side needs. If that fails, the side says why."""
    python, failed = wanted.airflow_python, None
    if wanted.changes_environment:
        try:
            lock = resolve(wanted, current.lock, settings.cache_dir, sources, progress)
            python = make_environment(lock, settings.cache_dir, progress)
        except HarnessError as error:
            failed = str(error)
    return Side(label, name, python, wanted.airflow_image, wanted.images, dags_folder, failed)


def describe_side(side: Side, current: CurrentSide) -> tuple[AirflowEnvironment | None, str]:
    """Return the side's Airflow, or None and why there is no interpreter to ask."""
    if side.failed:
        return None, f"{side.title} failed: {side.failed}"
    if side.airflow_image:
        return None, f"{side.title} is an image"
    try:
        return find_environment(side.python) if side.python else current.environment, ""
    except HarnessError as error:
        return None, str(error)
