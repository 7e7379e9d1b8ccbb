"""Choose the runner.

The choice depends on the setting, the place of Airflow and the Airflow lines on which warm is proved.
"""

from __future__ import annotations

import sys
from typing import Literal

from harness.airflow.environments import AirflowEnvironment
from harness.airflow.runners import Execute, process
from harness.airflow.runners.image import create_runner
from harness.services.stack import Stack
from harness.settings import Runner, Settings

PROVED = {"2.11": "2.11.2", "3.3": "3.3.2"}
"""Airflow line -> tested version, for the lines on which both runners give equal evidence (`make equal`)."""


def choose(runner: Runner, airflow: AirflowEnvironment) -> tuple[Literal["warm", "process", "image"], str | None]:
    """Return the runner for an Airflow environment, and a message about a fallback."""
    if airflow.image:
        why = f"Airflow is in {airflow.image}; leave out airflow_image to use a warm host"
        return "image", f"runner: image, because {why}" if runner == "warm" else None
    line = airflow.line
    if runner == "process":
        return "process", None
    if sys.platform != "linux":
        return "process", "runner: process, because warm needs Linux; HARNESS_RUNNER=process avoids this line"
    if runner == "auto" and line not in PROVED:
        why = f"warm is not proved on Airflow {line}; HARNESS_RUNNER=warm forces it"
        return "process", f"runner: process, because {why}"
    return "warm", None


def choose_plain(airflow: AirflowEnvironment, settings: Settings, stack: Stack) -> Execute:
    """Return the runner without a warm host.

    The runner starts a new process, or a container if Airflow is in an image.
    """
    return create_runner(airflow.image, settings.root, {}, stack).execute if airflow.image else process.execute
