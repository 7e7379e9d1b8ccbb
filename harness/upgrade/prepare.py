"""Make the Airflow environment of a side, and describe the sides for the report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from harness.airflow.environments import AirflowEnvironment, find_environment
from harness.airflow.find import NAME as AIRFLOW
from harness.airflow.find import find_airflow
from harness.airflow.layout import choose_around
from harness.airflow.making.current import current_lock
from harness.airflow.making.make import make_environment
from harness.airflow.making.newest import name_newest
from harness.airflow.making.resolve import Sources, resolve
from harness.airflow.making.targets import Wanted
from harness.compare.model import Section
from harness.errors import HarnessError, SettingsError
from harness.images.catalogue import load_catalogue
from harness.progress import SILENT, Progress
from harness.services.selection import stack_kind
from harness.services.session import ServiceSession
from harness.settings import Settings, SideName
from harness.upgrade.sides import Side


def prepare_side(
    name: SideName,
    wanted: Wanted,
    settings: Settings,
    dags_folder: Path | None = None,
    sources: Sources | None = None,
    progress: Progress = SILENT,
) -> Side:
    """Resolve and install, or pull, what the side needs. If that fails, the side says why."""
    python, failed = wanted.airflow_python, None
    notes: tuple[str, ...] = ()
    if wanted.changes_environment:
        try:
            wanted = name_newest(wanted, settings.cache_dir)
            lock = resolve(wanted, current_lock(settings), settings.cache_dir, sources or Sources(), progress)
            python, notes = make_environment(lock, settings.cache_dir, progress), (lock.source, *lock.notes)
        except HarnessError as error:
            failed = str(error)
            progress.step(name, failed, last=True)
    side = Side(
        label="A" if name == "baseline" else "B",
        name=name,
        python=python,
        airflow_image=wanted.airflow_image,
        images=wanted.images,
        dags_folder=dags_folder,
        around=choose_around(dags_folder, settings) if dags_folder else None,
        notes=tuple(filter(None, notes)),
        failed=failed,
    )
    if side.airflow_image is None:
        return side
    # Without this, each scenario would fail, and each would be a regression.
    return replace(side, failed=find_airflow_of(side, settings, progress)[1] or None)


def check_wanted(wanted: Wanted, settings: Settings) -> None:
    """Raise HarnessError for what can't be a side, before anything is installed."""
    known = load_catalogue(settings)
    for image, reference in wanted.images.items():
        if image not in known:
            raise SettingsError(f"target {image}={reference}: there is no image {image!r}: use {', '.join(known)}")
    overrides, targets = {**settings.image_overrides, **wanted.images}, dict(wanted.images)
    if wanted.airflow_image:
        overrides[AIRFLOW] = wanted.airflow_image
        targets = {"airflow-image": wanted.airflow_image, **targets}
    load_catalogue(settings.model_copy(update={"image_overrides": overrides}))
    if targets and stack_kind(settings) == "embedded":
        image, reference = next(iter(targets.items()))
        raise SettingsError(
            f"target {image}={reference}: the embedded stack uses no images: start an engine, or use --stack containers"
        )
    if python := wanted.airflow_python:
        try:
            find_environment(python)
        except SettingsError as error:
            raise SettingsError(
                f"target airflow-python={python}: it does not run, or has no Airflow: name the Python of an "
                "environment with Airflow"
            ) from error


def find_airflow_of(
    side: Side, settings: Settings, progress: Progress = SILENT
) -> tuple[AirflowEnvironment | None, str]:
    """Return the side's Airflow, or None and why there is no interpreter to ask."""
    if side.failed:
        return None, side.failed
    overrides = {name: image for name, image in settings.image_overrides.items() if name != AIRFLOW}
    if image := side.airflow_image or (None if side.python else settings.airflow_image):
        overrides[AIRFLOW] = image
    python = side.python or settings.airflow_python
    own = settings.model_copy(update={"airflow_python": python, "image_overrides": overrides})
    try:
        return find_airflow(own, ServiceSession(settings.root, None).labels, progress), ""
    except HarnessError as error:
        return None, str(error)


def describe_sides(sides: Iterable[Side]) -> Section:
    """Return what the sides were asked to have, and where their versions come from."""
    rows = []
    for side in sides:
        given = [side.airflow_image, side.python, *(f"{name} {image}" for name, image in sorted(side.images.items()))]
        what = ", ".join(str(one) for one in given if one) or "as the project has it"
        folder = f"DAGs of {side.dags_folder}" if side.dags_folder else ""
        rows.append((side.title, what, "; ".join(filter(None, (*side.notes, folder, side.failed)))))
    return Section(title="Sides", header=("side", "versions", "notes"), rows=tuple(rows))
