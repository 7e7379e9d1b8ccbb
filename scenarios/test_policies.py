"""The least that the digit classifier needs in AWS: it works with the policies that are shipped, and without any one
statement of theirs it does not.
"""

from __future__ import annotations

from urllib.parse import quote

import pytest

from harness import Run, World
from scenarios.account import DATE, ENDPOINT, LOG_GROUP, ROLE_ARN, Account
from scenarios.digits import jpeg
from scenarios.digits_api import digits_api
from scenarios.policies import MISSED_BY, UNCHECKED, User, applied, policies, shipped_but, sids, to_take_out

DAG = "aws_handwritten_digit_classifier"


def run_as(world: World, user: User, works: bool) -> Run:
    """A run whose aws_conn is this user's, with IAM enforced from here on."""
    world.aws.enforce_iam()
    endpoint = quote(world.aws.url, safe="")
    mine = f"aws://{user.access_key}:{quote(user.secret_key, safe='')}@/?endpoint_url={endpoint}&region_name=eu-west-1"
    return world.run(DAG, DATE, connections={"aws_conn": mine}, expect="success" if works else "failure")


def asked(world: World, account: Account, user: User) -> int:
    """The status with which the API answers, called with one digit."""
    own = {"AWS_ACCESS_KEY_ID": user.access_key, "AWS_SECRET_ACCESS_KEY": user.secret_key}
    with digits_api(world.stack, own) as api:
        return api.classify(jpeg(account.digits.test.array[0])).status_code


def by_what_asks(part: tuple[str, str]) -> object:
    """The API is asked in its container."""
    return pytest.param(*part, marks=pytest.mark.engine) if part[0] == "api" else pytest.param(*part)


@pytest.mark.engine
@pytest.mark.fresh_later
def test_the_shipped_policies_do(world: World, aws_account: Account) -> None:
    users = applied(world.aws.client("iam"), policies())

    run_as(world, users.caller, works=True)

    assert world.evidence.aws.endpoints[ENDPOINT]["EndpointStatus"] == "InService"
    assert list(world.evidence.aws.logs) == [LOG_GROUP]
    assert asked(world, aws_account, users.api) == 200


@pytest.mark.one_runner
@pytest.mark.at_length  # tests/aws_twin/test_least_privilege.py asks the same of the same policies, without Airflow
@pytest.mark.parametrize(("policy", "sid"), [*map(by_what_asks, to_take_out())], ids=lambda part: part)
def test_no_statement_can_be_taken_out(world: World, aws_account: Account, policy: str, sid: str) -> None:
    users = applied(world.aws.client("iam"), shipped_but(policy, sid))
    missed_by = MISSED_BY[sid]

    run = run_as(world, users.caller, works=missed_by in ("api", "log"))

    if missed_by == "log":
        assert world.evidence.aws.logs == {}
    elif missed_by == "api":
        assert asked(world, aws_account, users.api) == 502
    else:
        assert run.tasks[missed_by].state == "failed"
        assert [task for task, result in run.tasks.items() if result.state == "failed"] == [missed_by]


def test_the_policies_are_what_this_knows(world: World) -> None:
    """Every statement is either taken out here, or listed as one that nothing checks."""
    every = [sid for policy in policies().values() for sid in sids(policy)]

    assert sorted(every) == sorted([*MISSED_BY, *UNCHECKED])
    assert not MISSED_BY.keys() & UNCHECKED.keys()


@pytest.mark.fresh_later
def test_a_role_that_does_not_trust_sagemaker(world: World, aws_account: Account) -> None:
    """Seen without any right being checked: the twin asks for trust as AWS does."""
    world.aws.client("iam").update_assume_role_policy(
        RoleName=ROLE_ARN.rpartition("/")[2],
        PolicyDocument='{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",'
        ' "Principal": {"Service": "ec2.amazonaws.com"}}]}',
    )

    run = world.run(DAG, DATE, expect="failure")

    assert f"Could not assume role {ROLE_ARN}" in run.log
