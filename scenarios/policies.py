"""The digit classifier's IAM policies (dags/digit_classifier/policies), and their users.

`caller` is the policy of Airflow's user, `api` that of the prediction API's user, `execution-role` that of SageMaker's
role, and `execution-role-trust` names who may assume that role.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scenarios.account import POLICIES, ROLE

Policy = Mapping[str, Any]

NAMES = ("caller", "api", "execution-role", "execution-role-trust")

FAILING_STEP: Mapping[str, str] = {
    "ReadTheSample": "copy_mnist_data",
    "WriteTheDigits": "copy_mnist_data",
    "SayThatTheCopyIsPrivate": "copy_mnist_data",
    "ReadTheDigits": "extract_mnist_data",
    "FindTheBucket": "sagemaker_train_model",
    "Train": "sagemaker_train_model",
    "HandOverTheRole": "sagemaker_train_model",
    "FindTheTrainingLog": "sagemaker_train_model",
    "ReadTheTrainingLog": "sagemaker_train_model",
    "MakeTheModel": "sagemaker_deploy_model",
    "ConfigureTheEndpoint": "sagemaker_deploy_model",
    "Deploy": "sagemaker_deploy_model",
    "WaitForTheEndpoint": "sagemaker_deploy_model",
    "AskTheEndpoint": "api",
    "FindTheTrainingData": "sagemaker_train_model",
    "ReadTheTrainingData": "sagemaker_train_model",
    "WriteTheModel": "sagemaker_train_model",
    "ReadTheModel": "sagemaker_deploy_model",
    "WriteTheTrainingLog": "log",
    "SageMakerWorksWithThisRole": "sagemaker_train_model",
}
"""Statement -> what fails without it: a task; `api`, the prediction; or `log`, the job passes without a log."""

UNCHECKED: Mapping[str, str] = {
    "WriteTheEndpointLog": "endpoints of the AWS mock write no log",
    "FindTheLogs": "AWS's log agent needs the permission; the AWS mock has no such agent",
    "WriteTheMetrics": "the AWS mock has no CloudWatch metrics of instances",
    "LogInToTheRegistry": "the AWS mock pulls no image",
    "PullTheImage": "the AWS mock pulls no image, and AWS pulls its own algorithms with its own credentials",
}
"""Statement -> why the AWS mock can't check it. AWS's documentation lists these; they are untested.

https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html (the roles of CreateTrainingJob and CreateModel),
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AlgorithmSpecification.html (the credentials of the pull).
"""

TRUST_NO_SERVICE = {
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
    "Action": "sts:AssumeRole",
}
"""A statement for an empty trust policy, which IAM rejects: it trusts the account and no service."""


@dataclass(frozen=True)
class User:
    """A user's ARN and access key."""

    arn: str
    access_key: str
    secret_key: str


@dataclass(frozen=True)
class Users:
    caller: User
    api: User


def load_policies() -> dict[str, Policy]:
    """Load the shipped policies, by name."""
    return {name: json.loads((POLICIES / f"{name}.json").read_text()) for name in NAMES}


def list_sids(policy: Policy) -> tuple[str, ...]:
    return tuple(statement["Sid"] for statement in policy["Statement"])


def list_checked() -> list[tuple[str, str]]:
    """List (policy, sid) of every statement that the AWS mock checks."""
    return [
        (name, sid) for name, policy in load_policies().items() for sid in list_sids(policy) if sid not in UNCHECKED
    ]


def without(policy: Policy, sid: str) -> Policy:
    """Return the policy without a statement.

    Raises KeyError if the policy has no such statement.
    """
    if sid not in list_sids(policy):
        raise KeyError(sid)
    return {**policy, "Statement": [statement for statement in policy["Statement"] if statement["Sid"] != sid]}


def load_policies_without(name: str, sid: str) -> dict[str, Policy]:
    """Load all policies, one of them without a statement."""
    shipped = load_policies()
    return {**shipped, name: without(shipped[name], sid)}


def apply(iam: Any, given: Mapping[str, Policy]) -> Users:
    """Set the policies of the role, and create both users with a key each.

    `iam` is a boto3 client. The users have managed policies, as AWS limits inline policies to 2,048 characters
    (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
    """
    trust = given["execution-role-trust"]
    iam.update_assume_role_policy(
        RoleName=ROLE, PolicyDocument=json.dumps({**trust, "Statement": _list_trusted(trust)})
    )
    iam.put_role_policy(RoleName=ROLE, PolicyName="execution", PolicyDocument=json.dumps(given["execution-role"]))
    return Users(
        caller=_create_user(iam, "airflow-book", given["caller"]),
        api=_create_user(iam, "airflow-book-api", given["api"]),
    )


def _list_trusted(trust: Policy) -> list[Any]:
    return list(trust["Statement"]) or [TRUST_NO_SERVICE]


def _create_user(iam: Any, name: str, policy: Policy) -> User:
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    if policy["Statement"]:
        created = iam.create_policy(PolicyName=name, PolicyDocument=json.dumps(policy))
        iam.attach_user_policy(UserName=name, PolicyArn=created["Policy"]["Arn"])
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return User(arn, key["AccessKeyId"], key["SecretAccessKey"])
