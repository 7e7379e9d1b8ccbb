"""The AWS twin: moto, with what it lacks (harness/aws_twin)."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import requests
from docker.models.containers import Container

from harness.errors import ServiceError
from harness.services.containers import (
    ATTACH_TIMEOUT,
    LOOPBACK,
    Place,
    Spec,
    await_ready,
    fitting,
    published,
    started,
    tail,
)
from harness.services.local_http import LOCAL
from harness.settings import Settings

PORT = 5000
ACCOUNT = "123456789012"
"""moto's: whatever credentials a call carries."""


class AwsService(ABC):
    """The twin's server. While IAM is not enforced it takes any credentials; nothing in it leaves the machine."""

    name = "aws"
    region: str
    """Of the clients that client() makes. The twin itself answers for every region."""
    url = ""
    internal_url = ""
    """From inside the stack's network."""

    @abstractmethod
    def start(self) -> None: ...

    @abstractmethod
    def attach(self, containers: Mapping[str, Container], note: Mapping[str, Any]) -> None: ...

    @abstractmethod
    def log_tail(self, lines: int) -> str: ...

    def note(self) -> dict[str, Any]:
        return {}

    def reset(self) -> None:
        """No object, no resource, no order, no user; IAM is not enforced."""
        self._ask("POST", "/moto-api/reset")

    def order(self, **orders: Mapping[str, Any]) -> None:
        """How what is made from now on behaves, until the next scenario: `training={...}`, `endpoint={...}`.

        See harness/aws_twin/orders.py for what can be ordered. Raises ServiceError for what can't.
        """
        self._ask("POST", "/twin/orders", json=orders)

    def enforce_iam(self) -> None:
        """From now on a call needs a user's credentials, and rights, until the next scenario."""
        self._ask("POST", "/twin/enforce-iam")

    def state(self) -> dict[str, Any]:
        """Everything in it: see harness/aws_twin/state.py."""
        found: dict[str, Any] = self._ask("GET", "/twin/state").json()
        return found

    def client(self, service: str, access_key: str = "testing", secret_key: str = "testing") -> Any:  # noqa: S107
        """A boto3 client of the twin, in the region of the settings."""
        import boto3  # a tenth of a second, which scenarios without AWS need not spend
        from botocore.config import Config

        return boto3.Session(botocore_session=_session()).client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.url,
            region_name=self.region,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )

    def secrets(self) -> tuple[str, ...]:
        return ()

    def _probe(self) -> None:
        LOCAL.get(f"{self.url}/twin/", timeout=1).raise_for_status()

    def _ask(self, method: str, path: str, json: Any = None) -> requests.Response:
        answer = LOCAL.request(method, f"{self.url}{path}", json=json, timeout=30)
        if answer.status_code == 400:
            raise ServiceError(f"the AWS twin refuses {path}: {answer.text.strip()}")
        answer.raise_for_status()
        return answer


class AwsContainer(AwsService):
    """The twin in a container."""

    def __init__(self, image: str, place: Place, aliases: Sequence[str], settings: Settings) -> None:
        self._image, self._place, self._port = image, place, settings.aws_port
        self.region = settings.region
        self._aliases = (self.name, *aliases)
        self._container: Container | None = None
        self.internal_url = f"http://{self._aliases[-1]}:{PORT}"

    def start(self) -> None:
        spec = Spec(role=self.name, image=self._image, ports=(PORT,), fixed={PORT: self._port}, aliases=self._aliases)
        self._up(started(self._place, spec), self._place.timeout)

    def attach(self, containers: Mapping[str, Container], note: Mapping[str, Any]) -> None:
        self._up(fitting(containers, self.name, self._image), ATTACH_TIMEOUT)
        self.reset()

    def log_tail(self, lines: int) -> str:
        return tail(self._container, lines) if self._container else ""

    def _up(self, container: Container, timeout: float) -> None:
        self._container = container
        self.url = f"http://{LOOPBACK}:{published(container, PORT)}"
        await_ready(container, self._probe, timeout)


def _session() -> Any:
    """A botocore session that sees nothing of this machine's own AWS: no profile, no file."""
    from botocore.session import Session

    nowhere = (None, None, os.devnull, None)
    return Session(
        session_vars={"profile": (None, None, None, None), "config_file": nowhere, "credentials_file": nowhere}
    )
