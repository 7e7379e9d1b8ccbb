"""Find the Airflow of the settings: an interpreter on this machine, or an image."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docker.errors import APIError

from harness.airflow.environments import INSIDE, AirflowEnvironment, find_environment, from_facts
from harness.airflow.runners.image import create_runner
from harness.engine import connect, engine_errors
from harness.errors import ServiceError, SettingsError
from harness.images.resolve import resolve_image
from harness.progress import SILENT, Progress
from harness.settings import Settings

NAME = "airflow"
TIMEOUT = 60.0
"""Seconds to describe an image. This usually takes a second."""
SET_IT = "name an image of Airflow for this engine, such as apache/airflow:3.3.2"
OTHER_ARCHITECTURE = "exec format error"


def find_airflow(settings: Settings, labels: Mapping[str, str], progress: Progress = SILENT) -> AirflowEnvironment:
    """Describe the Airflow of the settings; `labels` are those of the session's containers.

    An image is pulled or built first. Raises SettingsError if there is no Airflow, ImageError, EngineError.
    """
    if not settings.airflow_image:
        return find_environment(settings.airflow_python)
    if settings.stack == "embedded":
        raise SettingsError(
            f"airflow_image {settings.airflow_image!r}: containers can't reach the embedded stack: remove the setting, "
            "or set stack to containers"
        )
    return describe_image(settings, labels, progress)


def describe_image(settings: Settings, labels: Mapping[str, str], progress: Progress = SILENT) -> AirflowEnvironment:
    """Describe the Airflow of the catalogue's image.

    The description comes from the cache if this image was described before.
    """
    client = connect()
    reference = resolve_image(client, settings, NAME, progress).reference
    with engine_errors(f"inspecting {reference}"):
        image = client.images.get(reference)
    known = hashlib.sha256(f"{image.id} {(INSIDE / 'describe.py').read_text()}".encode()).hexdigest()[:16]
    file = settings.cache_dir / "airflow-images" / f"{known}.json"
    if file.exists():
        facts = json.loads(file.read_text())
    else:
        facts = _ask(reference, str(image.attrs.get("Architecture")), settings.root, labels)
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(facts))
        partial.replace(file)
    environment = from_facts(facts, Path(facts["python"]), reference)
    if not environment.airflow_version:
        raise SettingsError(f"airflow_image {reference!r} has no Airflow: {SET_IT}")
    return environment


def _ask(reference: str, architecture: str, root: Path, labels: Mapping[str, str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        runner = create_runner(reference, root, labels)
        command = ("python", str(INSIDE), "describe")
        try:
            log = runner.execute(command, {}, Path(folder), Path(folder, "describe.log"), TIMEOUT).log
        except ServiceError as error:
            log = str(error.__cause__.explanation if isinstance(error.__cause__, APIError) else error)
    facts = next((line for line in log.splitlines() if line.startswith("{")), None)
    if facts is not None:
        return dict(json.loads(facts))
    if OTHER_ARCHITECTURE in log:
        raise SettingsError(f"airflow_image {reference!r} is for another architecture ({architecture}): {SET_IT}")
    why = next(iter(log.strip().splitlines()[-1:]), "no output")
    raise SettingsError(f"airflow_image {reference!r} does not run `python` ({why}): {SET_IT}")
