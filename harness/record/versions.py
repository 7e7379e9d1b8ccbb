"""The versions of everything that a scenario ran on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError
from harness.evidence.document import ImageVersion, Versions
from harness.version import own_version

if TYPE_CHECKING:  # xdist's controller has no stack, and should not import the services' clients
    from harness.images.local import ResolvedImage
    from harness.services.stack import Stack
    from harness.settings import Settings


def find_versions(settings: Settings, stack: Stack | None) -> Versions:
    """Return the versions of the Airflow environment and of the stack.

    The environment's are left out if it is not found, the stack's if there is no stack.
    """
    from harness.airflow.find import find_airflow

    versions = Versions(harness=own_version(), **(_of_stack(stack) if stack else {}))
    try:
        airflow = find_airflow(settings, {})  # an image is described already, so no container is needed
    except HarnessError:
        return versions
    return versions.model_copy(
        update={
            "python": airflow.python_version,
            "airflow": airflow.airflow_version,
            "packages": dict(sorted(airflow.packages.items())),
        }
    )


def _of_stack(stack: Stack) -> dict[str, Any]:
    servers = {
        "minio": _ask(stack.minio.version),
        "postgres": _ask(stack.postgres.server_version),
        "aws": _ask(stack.aws.version),
    }
    images = {
        name: ImageVersion(reference=image.reference, version=image.version, digest=_ask(partial(_find_id, image)))
        for name, image in sorted(stack.images.items())
    }
    return {"images": images, "servers": {name: version for name, version in servers.items() if version}}


def _find_id(image: ResolvedImage) -> str:
    from harness.engine import connect

    return str(connect().images.get(image.reference).id)


def _ask(question: Callable[[], str]) -> str | None:
    """Return the answer, or None if the server no longer answers.

    A server that does not answer must not fail the scenario.
    """
    try:
        return question()
    except Exception:
        return None
