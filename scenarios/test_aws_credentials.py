"""The connection aws_conn: a working form, and forms that are rejected before the run."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from harness import RunRefusedError, World
from scenarios.account import BUCKET, DATE, SOURCE_BUCKET, SOURCE_KEY, Account

DAG = "test_dag"
KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
"""AWS's documented example of a key pair. Like about half of all secrets, this one has a slash."""


def was_not_started(world: World) -> bool:
    return not list(world.folder.rglob("run.log"))


def test_a_connection_from_the_environment_suffices(world: World, aws_account: Account) -> None:
    """The environment sets the connection, and AWS's endpoint apart from it."""
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
    ids=["no at sign, as in the guide", "an unquoted slash", "both"],
)
def test_credentials_that_are_not_a_uri_are_rejected(world: World, given: str, repaired: str) -> None:
    with pytest.raises(RunRefusedError) as refused:
        world.run(DAG, DATE, connections={"aws_conn": given})

    assert "AIRFLOW_CONN_AWS_CONN is not a valid URI" in str(refused.value)
    assert f"write {repaired}" in str(refused.value)
    assert not any(part in str(refused.value) for part in SECRET.split("/")), "the secret is hidden"
    assert was_not_started(world)


@pytest.mark.parametrize(
    ("region", "message"),
    [("", r"has no region, and DIGITS_IMAGE .* needs eu-west-1"), ("us-east-1", r"region us-east-1, but .* eu-west-1")],
    ids=["unset", "another"],
)
def test_a_region_other_than_the_training_images_is_rejected(world: World, region: str, message: str) -> None:
    with pytest.raises(RunRefusedError, match=message):
        world.run(
            "aws_handwritten_digit_classifier",
            DATE,
            connections={"aws_conn": f"aws://{KEY}:{quote(SECRET, safe='')}@"},
            environment={"AWS_DEFAULT_REGION": region},
        )

    assert was_not_started(world)
