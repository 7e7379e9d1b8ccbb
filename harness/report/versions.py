"""What runs here, by its versions."""

from __future__ import annotations

import platform
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from harness.airflow.metadata import versions
from harness.report.model import Image, Versions

if TYPE_CHECKING:  # xdist's controller has no stack, and need not import what makes one
    from harness.services.stack import Stack


def session_versions(stack: Stack | None = None) -> Versions:
    """What runs here; the images are the stack's."""
    found = dict(versions())
    images = stack.images if stack else {}
    return Versions(
        airflow=found.pop("apache-airflow", "not installed"),
        providers={name: version for name, version in found.items() if "-providers-" in name},
        python=platform.python_version(),
        harness=_own_version(),
        images={name: Image(version=one.version, reference=one.reference) for name, one in images.items()},
    )


@cache
def _own_version() -> str:
    # By the folders' names, as metadata.versions(): importlib.metadata would read the files of every package there is.
    found = (file.stem for path in sys.path for file in Path(path).glob("airflow_scenario_harness-*.dist-info"))
    return next(found, "-not installed").rpartition("-")[2]
