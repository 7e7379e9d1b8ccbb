"""The AWS mock: moto, with the AWS behaviour that moto lacks (harness/aws_mock)."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import requests
from docker.models.containers import Container
from minio import Minio

from harness.errors import ServiceError
from harness.services.containers import (
    ATTACH_TIMEOUT,
    LOOPBACK,
    Spec,
    StackContext,
    await_ready,
    create_and_start,
    find_fitting,
    published_port,
    read_log_tail,
)
from harness.services.local_http import LOCAL
from harness.settings import Settings

PORT = 5000
ACCOUNT = "123456789012"
"""moto's account, for any credentials."""


class AwsService(ABC):
    """The AWS mock of a stack. It accepts any credentials until a scenario enforces IAM."""

    name = "aws"
    region: str
    """Region of the clients that client() creates. The mock itself serves every region."""
    url = ""
    internal_url = ""
    """URL inside the stack's network."""

    @abstractmethod
    def start(self) -> None: ...

    @abstractmethod
    def attach(self, containers: Mapping[str, Container], state: Mapping[str, Any]) -> None: ...

    @abstractmethod
    def mark_log(self) -> None: ...

    @abstractmethod
    def log_tail(self, lines: int) -> str: ...

    def export_state(self) -> dict[str, Any]:
        return {}

    def reset(self) -> None:
        """Remove all objects, resources, users and configuration, and stop enforcing IAM."""
        self._call("POST", "/moto-api/reset")

    def configure(self, **parts: Mapping[str, Any]) -> None:
        """Configure the jobs and endpoints that are created from now on, until the next scenario.

        `training`: polls, fail, duration, until_stopped. `endpoint`: polls, fail. harness/aws_mock/configuration.py
        describes the keys, as in `configure(endpoint={"polls": 2})`. Raises ServiceError for an unknown part, key or
        value.
        """
        self._call("POST", "/mock/configuration", json=parts)

    def enforce_iam(self) -> None:
        """Require a user's credentials and permissions for every call, until the next scenario."""
        self._call("POST", "/mock/enforce-iam")

    def state(self, whole: bool = False) -> dict[str, Any]:
        """Return all resources, logs and calls since the last reset (harness/aws_mock/state.py).

        With `whole`, objects have their contents, and other services than SageMaker their resources.
        """
        state: dict[str, Any] = self._call("GET", f"/mock/state{'?whole' if whole else ''}").json()
        return state

    def version(self) -> str:
        """Return the version of moto, e.g. `moto 5.2.5`."""
        return f"moto {self._call('GET', '/mock/').json()['moto']}"

    def client(self, service: str, access_key: str = "testing", secret_key: str = "testing") -> Any:  # noqa: S107
        """Return a boto3 client of the mock, in the region of the settings."""
        import boto3  # Takes 0.1 s, which scenarios without AWS save.
        from botocore.config import Config

        return boto3.Session(botocore_session=_session()).client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.url,
            region_name=self.region,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )

    def anonymous_s3(self) -> Minio:
        """Return a client of the mock's S3 that sends unsigned calls.

        The mock records signed calls only, so it records none of this client's.
        """
        return Minio(self.url.removeprefix("http://"), secure=False, region=self.region)

    def secrets(self) -> tuple[str, ...]:
        return ()

    def _probe(self) -> None:
        LOCAL.get(f"{self.url}/mock/", timeout=1).raise_for_status()

    def _call(self, method: str, path: str, json: Any = None) -> requests.Response:
        response = LOCAL.request(method, f"{self.url}{path}", json=json, timeout=30)
        if response.status_code == 400:
            raise ServiceError(f"AWS mock: {response.text.strip()}")
        response.raise_for_status()
        return response


class AwsContainer(AwsService):
    """The AWS mock in a container."""

    def __init__(self, image: str, context: StackContext, aliases: Sequence[str], settings: Settings) -> None:
        self._image, self._context, self._port = image, context, settings.aws_port
        self.region = settings.region
        self._aliases = (self.name, *aliases)
        self._container: Container | None = None
        self._since: float | None = None
        self.internal_url = f"http://{self._aliases[-1]}:{PORT}"

    def start(self) -> None:
        spec = Spec(role=self.name, image=self._image, ports=(PORT,), fixed={PORT: self._port}, aliases=self._aliases)
        self._connect(create_and_start(self._context, spec), self._context.timeout)

    def attach(self, containers: Mapping[str, Container], state: Mapping[str, Any]) -> None:
        self._connect(find_fitting(containers, self.name, self._image), ATTACH_TIMEOUT)
        self.reset()

    def mark_log(self) -> None:
        self._since = time.time()

    def log_tail(self, lines: int) -> str:
        return read_log_tail(self._container, lines, since=self._since) if self._container else ""

    def _connect(self, container: Container, timeout: float) -> None:
        self._container = container
        self.url = f"http://{LOOPBACK}:{published_port(container, PORT)}"
        await_ready(container, self._probe, timeout)


def _session() -> Any:
    """Create a botocore session that ignores the AWS profiles and files of this machine."""
    from botocore.session import Session

    nowhere = (None, None, os.devnull, None)
    return Session(
        session_vars={"profile": (None, None, None, None), "config_file": nowhere, "credentials_file": nowhere}
    )
