"""The API's image: Chalice serves the app, and boto3 reaches the AWS mock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.services.stack import Stack
from scenarios.digits_api import Api, digits_api
from tests.api.pictures import create_picture

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def api(harness_stack: Stack) -> Iterator[Api]:
    with digits_api(harness_stack) as ready:
        yield ready


def test_hello(api: Api) -> None:
    response = api.hello()
    assert (response.status_code, response.text) == (200, "Hello world")


def test_sagemakers_error_is_returned(api: Api, harness_stack: Stack) -> None:
    harness_stack.aws.reset()
    response = api.classify(create_picture())
    assert response.status_code == 502, response.text
    assert response.json()["Message"].endswith("Endpoint mnistclassifier of account 123456789012 not found.")


def test_the_server_survives_an_invalid_jpeg(api: Api) -> None:
    response = api.classify(b"\xff\xd8\x00")
    assert (response.status_code, response.json()["Message"]) == (400, "The body is not a JPEG.")
    assert api.hello().status_code == 200
