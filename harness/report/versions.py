"""The versions of Airflow, Python, the harness and the images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.airflow.environments import AirflowEnvironment
from harness.report.model import Image, Versions
from harness.version import own_version

if TYPE_CHECKING:  # xdist's controller has no stack, and should not import the services' clients
    from harness.services.stack import Stack

UNKNOWN = "unknown"
"""The version of Airflow if no scenario got as far as finding its environment."""


def session_versions(airflow: AirflowEnvironment | None = None, stack: Stack | None = None) -> Versions:
    """Return the versions of Airflow (if it was found), the harness and the images."""
    images = stack.images if stack else {}
    packages = airflow.airflow_packages if airflow else {}
    return Versions(
        airflow=airflow.airflow_version if airflow else UNKNOWN,
        providers={name: version for name, version in packages.items() if "-providers-" in name},
        python=airflow.python_version if airflow else UNKNOWN,
        harness=own_version(),
        images={name: Image(version=one.version, reference=one.reference) for name, one in images.items()},
    )
