"""The Docker engine: reaching it, naming what is ours on it, and one-line errors when it goes away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import docker
import requests
from docker.errors import APIError, DockerException
from testcontainers.core.docker_client import DockerClient
from urllib3.exceptions import HTTPError

from harness.errors import EngineError

# Everything that the harness starts carries these labels; nothing without them is ever touched.
LABEL_FLEET = "airflow-harness.fleet"
LABEL_STACK = "airflow-harness.stack"
LABEL_ROLE = "airflow-harness.role"
LABEL_EXTRA = "airflow-harness.extra"
"""Of what a scenario starts beside the stack's services."""

CALL_TIMEOUT = 60.0
"""Seconds one call to the engine may take before it counts as gone. Builds and pulls stream, so each chunk counts."""


def connect(timeout: float = CALL_TIMEOUT) -> docker.DockerClient:
    """A client of the engine that DOCKER_HOST or the current docker context names, else of the local socket.

    Raises EngineError when none answers.
    """
    try:
        # testcontainers' client knows docker contexts (Docker Desktop, colima), docker-py's does not.
        client = DockerClient(timeout=int(timeout)).client
        client.ping()
    except (DockerException, requests.RequestException) as error:
        raise EngineError(
            "no Docker engine answers: start one (in the harness's checkout `make engine` gets it on Debian or "
            "Ubuntu), or check DOCKER_HOST; scenarios that need none run with --stack embedded"
        ) from error
    return client


@contextmanager
def engine_errors(doing: str) -> Iterator[None]:
    """Turns the ways an engine can vanish during `doing` into EngineError.

    What the engine answers (APIError) passes through: callers know what their own refusals mean.
    """
    try:
        yield
    except APIError:
        raise
    except (DockerException, requests.RequestException, HTTPError, ConnectionError, TimeoutError) as error:
        raise EngineError(
            f"the Docker engine stopped answering while {doing}: check it with `docker info`, then run again"
        ) from error
