"""The Chalice app: its requests to SageMaker, and its errors."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import numpy as np
import pytest
from chalice.test import Client
from PIL import Image

from tests.api.pictures import PREDICTION, Runtime, create_picture, runtime

CLASSIFIER = Path(__file__).parents[2] / "dags" / "digit_classifier"
OWN_MODULES = ("app", "recordio")


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """A fake SageMaker that boto3's settings point to."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "DIGITS_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/no/such/file")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/no/such/file")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with runtime() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        yield server


@pytest.fixture
def module(endpoint: Runtime, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The app's module, which finds the encoder as in its image."""
    for folder in (CLASSIFIER, CLASSIFIER / "api"):
        monkeypatch.syspath_prepend(folder)
    yield importlib.import_module("app")
    for name in OWN_MODULES:
        sys.modules.pop(name, None)


@pytest.fixture
def client(module: ModuleType) -> Iterator[Client]:
    with Client(module.app, project_dir=str(CLASSIFIER / "api")) as test_client:
        yield test_client


def post(client: Client, body: bytes, content_type: str = "image/jpeg") -> Any:
    return client.http.post("/", headers={"Content-Type": content_type}, body=body)


def get_error(response: Any) -> str:
    error = json.loads(response.body)
    assert set(error) == {"Code", "Message"}
    return str(error["Message"])


def test_hello(client: Client) -> None:
    response = client.http.get("/hello")
    assert (response.status_code, response.body) == (200, b"Hello world")


def test_the_endpoints_response_is_returned(client: Client, endpoint: Runtime) -> None:
    response = post(client, create_picture())

    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.json_body == PREDICTION
    ((path, content_type, body),) = endpoint.requests
    assert path == "/endpoints/mnistclassifier/invocations"
    assert content_type == "application/x-recordio-protobuf"
    assert len(body) == 3164, "one record without a label, as the SageMaker SDK encodes it"


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_pixels_are_scaled_as_in_training(client: Client, endpoint: Runtime, mode: str) -> None:
    post(client, create_picture(mode=mode))

    # The record ends with the pixels, as its length needs no padding.
    sent = np.frombuffer(endpoint.requests[0][2][-784 * 4 :], dtype="<f4").reshape(28, 28)
    assert sent[:7, :7] == pytest.approx(np.full((7, 7), 0.4), abs=0.02)
    assert sent[8:, :14] == pytest.approx(np.zeros((20, 14)), abs=0.02)
    assert sent[:, 14:] == pytest.approx(np.ones((28, 14)), abs=0.02)


def test_the_endpoint_and_the_region_come_from_the_environment(
    client: Client, module: ModuleType, endpoint: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITS_ENDPOINT", "another")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert post(client, create_picture()).status_code == 200
    assert endpoint.requests[0][0] == "/endpoints/another/invocations"
    assert module.sagemaker().meta.region_name == "us-west-2"


@pytest.mark.parametrize("size", [(27, 28), (28, 29), (280, 280), (1, 1)])
def test_another_size_is_an_error_that_names_it(client: Client, endpoint: Runtime, size: tuple[int, int]) -> None:
    response = post(client, create_picture(size))
    assert response.status_code == 400
    assert get_error(response) == f"The picture is {size[0]} x {size[1]} pixels; it has to be 28 x 28."
    assert endpoint.requests == []


def test_a_huge_size_is_an_error(client: Client, endpoint: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    response = post(client, create_picture((40, 40)))
    assert (response.status_code, get_error(response)) == (
        400,
        "The picture is far too large; it has to be 28 x 28 pixels.",
    )


@pytest.mark.parametrize("body", [b"", b"not a picture", b"\xff\xd8\xff", create_picture(encoding="PNG")])
def test_another_format_is_an_error(client: Client, endpoint: Runtime, body: bytes) -> None:
    response = post(client, body)
    assert (response.status_code, get_error(response)) == (400, "The body is not a JPEG.")
    assert endpoint.requests == []


def test_a_damaged_jpeg_is_an_error(client: Client, endpoint: Runtime) -> None:
    response = post(client, create_picture()[:-60])
    assert response.status_code == 400
    assert get_error(response).startswith("The JPEG is damaged: ")
    assert endpoint.requests == []


def test_another_content_type_is_an_error(client: Client) -> None:
    response = post(client, create_picture(), content_type="image/png")
    assert (response.status_code, get_error(response)) == (415, "Unsupported media type: image/png")


def test_an_error_of_the_endpoint_becomes_502(client: Client, endpoint: Runtime) -> None:
    endpoint.status, endpoint.error = 400, "ValidationError"
    endpoint.body = json.dumps({"message": "Endpoint mnistclassifier of account 123456789012 not found."})
    response = post(client, create_picture())
    assert response.status_code == 502
    assert get_error(response) == (
        "An error occurred (ValidationError) when calling the InvokeEndpoint operation: "
        "Endpoint mnistclassifier of account 123456789012 not found."
    )


def test_an_unreachable_endpoint_becomes_502(
    client: Client, endpoint: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # boto3 makes five attempts by default.
    response = post(client, create_picture())
    assert response.status_code == 502
    assert "http://127.0.0.1:9/endpoints/mnistclassifier/invocations" in get_error(response)


def test_a_missing_region_becomes_502(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    response = post(client, create_picture())
    assert (response.status_code, get_error(response)) == (502, "You must specify a region.")
