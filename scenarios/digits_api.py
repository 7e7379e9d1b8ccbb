"""The digit classifier's API, in its container beside the stack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import requests

from harness import LOCAL, Beside, Spec, Stack, start_beside

IMAGE = "digit-classifier-api"
PORT = 8000
ENVIRONMENT = {
    "AWS_ENDPOINT_URL": "http://aws:5000",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
}
"""What boto3 needs to find the twin from inside the stack's network."""


class Api:
    """The API as a client sees it.

    A session of its own: Chalice's server closes a connection that the client wants closed without saying so, and the
    harness's own session would try to use it again.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def hello(self) -> requests.Response:
        return self._session.get(f"{self.url}/hello", timeout=10)

    def classify(self, picture: bytes, content_type: str = "image/jpeg") -> requests.Response:
        """POSTs a picture; at most 30 s."""
        return self._session.post(self.url, data=picture, headers={"Content-Type": content_type}, timeout=30)

    def close(self) -> None:
        self._session.close()


@contextmanager
def digits_api(stack: Stack, environment: Mapping[str, str] | None = None, timeout: float = 30) -> Iterator[Api]:
    """The API, ready, until the end of the context. `environment` adds to ENVIRONMENT or replaces what is there."""
    wanted = Spec(
        role=IMAGE,
        image=stack.images[IMAGE].reference,
        ports=(PORT,),
        env={**ENVIRONMENT, **(environment or {})},
    )
    with start_beside(stack, wanted, probe=_probe, timeout=timeout) as beside:
        api = Api(beside.url(PORT))
        try:
            yield api
        finally:
            api.close()


def _probe(beside: Beside) -> None:
    LOCAL.get(f"{beside.url(PORT)}/hello", timeout=1).raise_for_status()
