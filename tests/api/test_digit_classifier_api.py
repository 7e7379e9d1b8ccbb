"""The Chalice app: what it takes, what it refuses, and what it asks of SageMaker."""

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

from tests.api.pictures import PREDICTION, Runtime, jpeg, runtime

CLASSIFIER = Path(__file__).parents[2] / "dags" / "digit_classifier"
OWN_MODULES = ("app", "recordio")


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runtime]:
    """SageMaker as far as the app can tell, by boto3's own settings."""
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
    """The app's module as in its image: the encoder beside it."""
    for folder in (CLASSIFIER, CLASSIFIER / "api"):
        monkeypatch.syspath_prepend(folder)
    yield importlib.import_module("app")
    for name in OWN_MODULES:
        sys.modules.pop(name, None)


@pytest.fixture
def client(module: ModuleType) -> Iterator[Client]:
    with Client(module.app, project_dir=str(CLASSIFIER / "api")) as made:
        yield made


def post(client: Client, body: bytes, content_type: str = "image/jpeg") -> Any:
    return client.http.post("/", headers={"Content-Type": content_type}, body=body)


def refusal(answer: Any) -> str:
    told = json.loads(answer.body)
    assert set(told) == {"Code", "Message"}
    return str(told["Message"])


def test_hello(client: Client) -> None:
    answer = client.http.get("/hello")
    assert (answer.status_code, answer.body) == (200, b"Hello world")


def test_the_endpoints_answer_is_passed_on(client: Client, endpoint: Runtime) -> None:
    answer = post(client, jpeg())

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json_body == PREDICTION
    ((path, content_type, body),) = endpoint.asked
    assert path == "/endpoints/mnistclassifier/invocations"
    assert content_type == "application/x-recordio-protobuf"
    assert len(body) == 3164, "one record without a label, as the SageMaker SDK framed it"


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_pixels_are_scaled_as_in_training(client: Client, endpoint: Runtime, mode: str) -> None:
    post(client, jpeg(mode=mode))

    # The numbers are the end of the record: its length needs no padding.
    sent = np.frombuffer(endpoint.asked[0][2][-784 * 4 :], dtype="<f4").reshape(28, 28)
    assert sent[:7, :7] == pytest.approx(np.full((7, 7), 0.4), abs=0.02)
    assert sent[8:, :14] == pytest.approx(np.zeros((20, 14)), abs=0.02)
    assert sent[:, 14:] == pytest.approx(np.ones((28, 14)), abs=0.02)


def test_the_endpoint_and_the_region_come_from_the_environment(
    client: Client, module: ModuleType, endpoint: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITS_ENDPOINT", "another")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert post(client, jpeg()).status_code == 200
    assert endpoint.asked[0][0] == "/endpoints/another/invocations"
    assert module.sagemaker().meta.region_name == "us-west-2"


@pytest.mark.parametrize("size", [(27, 28), (28, 29), (280, 280), (1, 1)])
def test_another_size_is_refused_and_told(client: Client, endpoint: Runtime, size: tuple[int, int]) -> None:
    answer = post(client, jpeg(size))
    assert answer.status_code == 400
    assert refusal(answer) == f"The picture is {size[0]} x {size[1]} pixels; it has to be 28 x 28."
    assert endpoint.asked == []


def test_a_size_beyond_all_measure_is_refused(
    client: Client, endpoint: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    answer = post(client, jpeg((40, 40)))
    assert (answer.status_code, refusal(answer)) == (
        400,
        "The picture is far too large; it has to be 28 x 28 pixels.",
    )


@pytest.mark.parametrize("body", [b"", b"not a picture", b"\xff\xd8\xff", jpeg(encoding="PNG")])
def test_what_is_no_jpeg_is_refused(client: Client, endpoint: Runtime, body: bytes) -> None:
    answer = post(client, body)
    assert (answer.status_code, refusal(answer)) == (400, "The body is not a JPEG.")
    assert endpoint.asked == []


def test_a_damaged_jpeg_is_refused(client: Client, endpoint: Runtime) -> None:
    answer = post(client, jpeg()[:-60])
    assert answer.status_code == 400
    assert refusal(answer).startswith("The JPEG is damaged: ")
    assert endpoint.asked == []


def test_another_content_type_is_refused(client: Client) -> None:
    answer = post(client, jpeg(), content_type="image/png")
    assert (answer.status_code, refusal(answer)) == (415, "Unsupported media type: image/png")


def test_what_the_endpoint_refuses_is_told_as_502(client: Client, endpoint: Runtime) -> None:
    endpoint.status, endpoint.error = 400, "ValidationError"
    endpoint.answer = json.dumps({"message": "Endpoint mnistclassifier of account 123456789012 not found."})
    answer = post(client, jpeg())
    assert answer.status_code == 502
    assert refusal(answer) == (
        "An error occurred (ValidationError) when calling the InvokeEndpoint operation: "
        "Endpoint mnistclassifier of account 123456789012 not found."
    )


def test_an_endpoint_that_is_not_reached_is_told_as_502(
    client: Client, endpoint: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # boto3 would try it five times
    answer = post(client, jpeg())
    assert answer.status_code == 502
    assert "http://127.0.0.1:9/endpoints/mnistclassifier/invocations" in refusal(answer)


def test_a_missing_region_is_told(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    answer = post(client, jpeg())
    assert (answer.status_code, refusal(answer)) == (502, "You must specify a region.")
