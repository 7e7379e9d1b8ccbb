"""Connect to the Docker engine, and turn its failures into one-line errors.

The labels of everything that the harness creates there are defined here too.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import docker
import requests
from docker.errors import APIError, DockerException
from testcontainers.core.docker_client import DockerClient
from urllib3.exceptions import HTTPError

from harness.errors import EngineError

# Everything that the harness creates on the engine has these labels. Objects without them are never changed.
LABEL_SESSION = "airflow-harness.session"
LABEL_STACK = "airflow-harness.stack"
LABEL_ROLE = "airflow-harness.role"
LABEL_EXTRA = "airflow-harness.extra"
"""The label of a container that a scenario starts beside the stack's services."""

CALL_TIMEOUT = 60.0
"""Seconds after which a call to the engine fails. Builds and pulls stream, so the limit is for each chunk."""


def connect(timeout: float = CALL_TIMEOUT) -> docker.DockerClient:
    """Return a client of the Docker engine.

    The engine is that of DOCKER_HOST, of the current docker context or of the local socket, in this order.
    `timeout` is in seconds, for each call. Raises EngineError if no engine answers.
    """
    try:
        # testcontainers' client reads docker contexts (Docker Desktop, colima). docker-py's client does not.
        client = DockerClient(timeout=int(timeout)).client
        client.ping()
    except (DockerException, requests.RequestException) as error:
        raise EngineError(
            "no Docker engine answers: start one (`make engine` in the harness's checkout, on Debian and Ubuntu), "
            "or check DOCKER_HOST; scenarios that need no engine run if the setting stack is embedded"
        ) from error
    return client


@contextmanager
def engine_errors(doing: str) -> Iterator[None]:
    """Turn a lost connection to the engine during `doing` into EngineError.

    The engine's own error answers (APIError) pass through, because their meaning depends on the call.
    """
    try:
        yield
    except APIError:
        raise
    except (DockerException, requests.RequestException, HTTPError, ConnectionError, TimeoutError) as error:
        raise EngineError(
            f"the Docker engine stopped answering while {doing}: check it with `docker info`, then run again"
        ) from error
