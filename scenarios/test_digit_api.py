"""From DAG to answer: train, deploy, and ask the Chalice API about 100 digits that the training has not seen."""

from __future__ import annotations

import numpy as np
import pytest

from harness import World
from scenarios.account import DATE, ENDPOINT, Account, trained
from scenarios.digits import jpeg, pixels
from scenarios.digits_api import digits_api

pytestmark = pytest.mark.engine

DAG = "aws_handwritten_digit_classifier"


@pytest.mark.fresh_later
def test_a_hundred_digits_get_the_answers_of_the_model(world: World, aws_account: Account) -> None:
    world.run(DAG, DATE)
    pictures = [jpeg(digit) for digit in aws_account.digits.test.array[:100]]

    with digits_api(world.stack) as api:
        assert api.hello().text == "Hello world"
        answers = [api.classify(picture) for picture in pictures]

    assert [answer.status_code for answer in answers] == [200] * 100
    assert {answer.headers["Content-Type"] for answer in answers} == {"application/json"}
    centroids = trained(world).astype(np.float64)
    for answer, picture in zip(answers, pictures, strict=True):
        distances = np.sqrt(((centroids - pixels(picture).astype(np.float64)) ** 2).sum(axis=1))
        (prediction,) = answer.json()["predictions"]
        assert prediction["closest_cluster"] == float(distances.argmin())
        assert np.isclose(prediction["distance_to_cluster"], distances.min(), rtol=1e-5)
    assert len({answer.json()["predictions"][0]["closest_cluster"] for answer in answers}) > 3


def test_without_an_endpoint(world: World) -> None:
    with digits_api(world.stack) as api:
        answer = api.classify(jpeg(np.zeros(784, dtype=np.float32)))

    assert answer.status_code == 502
    assert f"Endpoint {ENDPOINT} of account 123456789012 not found." in answer.json()["Message"]
