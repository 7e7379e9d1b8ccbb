"""The digit classifier's API, in a container next to the stack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import requests

from harness import LOCAL, RunningContainer, Spec, Stack, running_container

IMAGE = "digit-classifier-api"
PORT = 8000
ENVIRONMENT = {
    "AWS_ENDPOINT_URL": "http://aws:5000",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
}
"""Environment of boto3 for calls to the AWS mock inside the stack's network."""


class Api:
    """Client of the API.

    It has its own session: Chalice's server closes connections without announcing it, and the harness's shared session
    would reuse them.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def hello(self) -> requests.Response:
        return self._session.get(f"{self.url}/hello", timeout=10)

    def classify(self, picture: bytes, content_type: str = "image/jpeg") -> requests.Response:
        """POST a picture and return the response. The timeout is 30 s."""
        return self._session.post(self.url, data=picture, headers={"Content-Type": content_type}, timeout=30)

    def close(self) -> None:
        self._session.close()


@contextmanager
def digits_api(stack: Stack, environment: Mapping[str, str] | None = None, timeout: float = 30) -> Iterator[Api]:
    """Run the API and yield its client once ready.

    `environment` overrides variables of ENVIRONMENT.
    """
    spec = Spec(
        role=IMAGE,
        image=stack.images[IMAGE].reference,
        ports=(PORT,),
        env={**ENVIRONMENT, **(environment or {})},
    )
    with running_container(stack, spec, probe=_probe, timeout=timeout) as beside:
        api = Api(beside.url(PORT))
        try:
            yield api
        finally:
            api.close()


def _probe(beside: RunningContainer) -> None:
    LOCAL.get(f"{beside.url(PORT)}/hello", timeout=1).raise_for_status()
