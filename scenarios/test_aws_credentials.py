"""The connection aws_conn: what it needs in order to work, and what is refused before Airflow starts."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from harness import RunRefusedError, World
from scenarios.account import BUCKET, DATE, SOURCE_BUCKET, SOURCE_KEY, Account

DAG = "test_dag"
KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
"""AWS's own example of a key pair: its secret has a slash, as every second one has."""


def not_started(world: World) -> bool:
    return not list(world.folder.rglob("run.log"))


def test_a_connection_of_the_environment_is_enough(world: World, aws_account: Account) -> None:
    """Neither a row in the database nor an endpoint in the connection: the environment alone says where AWS is."""
    world.run(DAG, DATE, connections={"aws_conn": f"aws://{KEY}:{quote(SECRET, safe='')}@"})

    aws = world.evidence.aws
    assert aws.objects[BUCKET]["mnist.pkl.gz"] == aws.objects[SOURCE_BUCKET][SOURCE_KEY]


@pytest.mark.parametrize(
    ("given", "repaired"),
    [
        (f"aws://{KEY}:{quote(SECRET, safe='')}", f"aws://{KEY}:***%2F***%2F***@/"),
        (f"aws://{KEY}:{SECRET}@", f"aws://{KEY}:***%2F***%2F***@/"),
        (f"aws://{KEY}:{SECRET}", f"aws://{KEY}:***%2F***%2F***@/"),
    ],
    ids=["no at sign, as the guide prints it", "a bare slash", "both"],
)
def test_credentials_that_are_no_uri_are_refused(world: World, given: str, repaired: str) -> None:
    with pytest.raises(RunRefusedError) as refused:
        world.run(DAG, DATE, connections={"aws_conn": given})

    assert "AIRFLOW_CONN_AWS_CONN is not a valid URI" in str(refused.value)
    assert f"write {repaired}" in str(refused.value)
    assert not any(part in str(refused.value) for part in SECRET.split("/")), "the secret is not shown"
    assert not_started(world)


@pytest.mark.parametrize(
    ("region", "told"),
    [("", r"has no region, and DIGITS_IMAGE .* needs eu-west-1"), ("us-east-1", r"region us-east-1, but .* eu-west-1")],
    ids=["unset", "another"],
)
def test_a_region_that_is_not_the_training_images_is_refused(world: World, region: str, told: str) -> None:
    with pytest.raises(RunRefusedError, match=told):
        world.run(
            "aws_handwritten_digit_classifier",
            DATE,
            connections={"aws_conn": f"aws://{KEY}:{quote(SECRET, safe='')}@"},
            environment={"AWS_DEFAULT_REGION": region},
        )

    assert not_started(world)
