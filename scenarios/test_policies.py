"""The digit classifier's IAM policies suffice, and every statement of them is necessary."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from harness import Run, World
from scenarios.account import DATE, ENDPOINT, LOG_GROUP, ROLE_ARN, Account
from scenarios.digits import encode_jpeg
from scenarios.digits_api import digits_api
from scenarios.logs import log_has
from scenarios.policies import (
    FAILING_STEP,
    UNCHECKED,
    User,
    apply,
    list_checked,
    list_sids,
    load_policies,
    load_policies_without,
)

DAG = "aws_handwritten_digit_classifier"


def run_as(world: World, user: User, works: bool) -> Run:
    """Enforce IAM, and run the DAG with the credentials of a user."""
    world.aws.enforce_iam()
    endpoint = quote(world.aws.url, safe="")
    connection = (
        f"aws://{user.access_key}:{quote(user.secret_key, safe='')}@/?endpoint_url={endpoint}&region_name=eu-west-1"
    )
    return world.run(DAG, DATE, connections={"aws_conn": connection}, expect="success" if works else "failure")


def call_api(world: World, account: Account, user: User) -> int:
    """Send a digit to an API with a user's credentials, and return the response's status."""
    credentials = {"AWS_ACCESS_KEY_ID": user.access_key, "AWS_SECRET_ACCESS_KEY": user.secret_key}
    with digits_api(world.stack, credentials) as api:
        return api.classify(encode_jpeg(account.digits.test.array[0])).status_code


def to_parameters(part: tuple[str, str]) -> object:
    """Mark the statements of the API, whose container needs an engine."""
    return pytest.param(*part, marks=pytest.mark.engine) if part[0] == "api" else pytest.param(*part)


@pytest.mark.engine
@pytest.mark.fresh_later
def test_the_shipped_policies_suffice(world: World, aws_account: Account) -> None:
    users = apply(world.aws.client("iam"), load_policies())

    run_as(world, users.caller, works=True)

    assert world.evidence.aws.endpoints[ENDPOINT]["EndpointStatus"] == "InService"
    assert list(world.evidence.aws.logs) == [LOG_GROUP]
    assert call_api(world, aws_account, users.api) == 200


@pytest.mark.one_runner
@pytest.mark.at_length  # tests/aws_mock/test_least_privilege.py tests the same without Airflow.
@pytest.mark.parametrize(("policy", "sid"), [*map(to_parameters, list_checked())], ids=lambda part: part)
def test_each_statement_is_necessary(world: World, aws_account: Account, policy: str, sid: str) -> None:
    users = apply(world.aws.client("iam"), load_policies_without(policy, sid))
    step = FAILING_STEP[sid]

    run = run_as(world, users.caller, works=step in ("api", "log"))

    if step == "log":
        assert world.evidence.aws.logs == {}
    elif step == "api":
        assert call_api(world, aws_account, users.api) == 502
    else:
        assert run.tasks[step].state == "failed"
        assert [task for task, result in run.tasks.items() if result.state == "failed"] == [step]


def test_every_statement_is_listed(world: World) -> None:
    """Every statement is either checked here or listed as unchecked."""
    every = [sid for policy in load_policies().values() for sid in list_sids(policy)]

    assert sorted(every) == sorted([*FAILING_STEP, *UNCHECKED])
    assert not FAILING_STEP.keys() & UNCHECKED.keys()


@pytest.mark.fresh_later
def test_a_role_that_does_not_trust_sagemaker_fails_the_run(world: World, aws_account: Account) -> None:
    """The AWS mock checks trust without enforcing IAM, too."""
    world.aws.client("iam").update_assume_role_policy(
        RoleName=ROLE_ARN.rpartition("/")[2],
        PolicyDocument='{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",'
        ' "Principal": {"Service": "ec2.amazonaws.com"}}]}',
    )

    run = world.run(DAG, DATE, expect="failure")

    assert log_has(run.log, f"Could not assume role {ROLE_ARN}")
