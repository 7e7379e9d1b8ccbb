"""Train and deploy with the DAG, then classify 100 test digits through the Chalice API."""

from __future__ import annotations

import numpy as np
import pytest

from harness import World
from scenarios.account import DATE, ENDPOINT, Account, read_centroids
from scenarios.digits import decode_pixels, encode_jpeg
from scenarios.digits_api import digits_api

pytestmark = pytest.mark.engine

DAG = "aws_handwritten_digit_classifier"


@pytest.mark.fresh_later
def test_the_api_returns_the_models_predictions(world: World, aws_account: Account) -> None:
    world.run(DAG, DATE)
    pictures = [encode_jpeg(digit) for digit in aws_account.digits.test.array[:100]]

    with digits_api(world.stack) as api:
        assert api.hello().text == "Hello world"
        responses = [api.classify(picture) for picture in pictures]

    assert [response.status_code for response in responses] == [200] * 100
    assert {response.headers["Content-Type"] for response in responses} == {"application/json"}
    centroids = read_centroids(world).astype(np.float64)
    for response, picture in zip(responses, pictures, strict=True):
        distances = np.sqrt(((centroids - decode_pixels(picture).astype(np.float64)) ** 2).sum(axis=1))
        (prediction,) = response.json()["predictions"]
        assert prediction["closest_cluster"] == float(distances.argmin())
        assert np.isclose(prediction["distance_to_cluster"], distances.min(), rtol=1e-5)
    assert len({response.json()["predictions"][0]["closest_cluster"] for response in responses}) > 3


def test_the_api_reports_a_missing_endpoint(world: World) -> None:
    with digits_api(world.stack) as api:
        response = api.classify(encode_jpeg(np.zeros(784, dtype=np.float32)))

    assert response.status_code == 502
    assert f"Endpoint {ENDPOINT} of account 123456789012 not found." in response.json()["Message"]
