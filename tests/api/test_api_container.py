"""The API's image: the app served by Chalice, reaching the AWS twin as boto3 does by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.services.stack import Stack
from scenarios.digits_api import Api, digits_api
from tests.api.pictures import jpeg

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def api(stack: Stack) -> Iterator[Api]:
    with digits_api(stack) as ready:
        yield ready


def test_hello(api: Api) -> None:
    answer = api.hello()
    assert (answer.status_code, answer.text) == (200, "Hello world")


def test_what_sagemaker_says_comes_back(api: Api, stack: Stack) -> None:
    stack.aws.reset()
    answer = api.classify(jpeg())
    assert answer.status_code == 502, answer.text
    assert answer.json()["Message"].endswith("Endpoint mnistclassifier of account 123456789012 not found.")


def test_a_body_that_is_no_jpeg_does_not_stop_it(api: Api) -> None:
    refused = api.classify(b"\xff\xd8\x00")
    assert (refused.status_code, refused.json()["Message"]) == (400, "The body is not a JPEG.")
    assert api.hello().status_code == 200
