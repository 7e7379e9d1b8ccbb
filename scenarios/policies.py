"""The digit classifier's IAM policies (dags/digit_classifier/policies), and the account's users and role with them.

`caller` is Airflow's user, `api` the prediction API's, `execution-role` what SageMaker works with, and
`execution-role-trust` who may take that role.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scenarios.account import POLICIES, ROLE

Policy = Mapping[str, Any]

NAMES = ("caller", "api", "execution-role", "execution-role-trust")

MISSED_BY: Mapping[str, str] = {
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
"""Who fails when a statement is taken out: a task; `api`, a prediction; `log`, nobody, but the job has no log."""

UNCHECKED: Mapping[str, str] = {
    "WriteTheEndpointLog": "the twin's endpoints write no log",
    "FindTheLogs": "asked for by AWS's agent that ships a container's log; the twin writes the log itself",
    "WriteTheMetrics": "the twin has no CloudWatch metrics of instances",
    "LogInToTheRegistry": "the twin pulls no image",
    "PullTheImage": "the twin pulls no image; and AWS pulls those of its own algorithms with its own credentials",
}
"""What AWS's pages say the role needs and the twin can't tell. Nobody has seen that it suffices, or is needed.

https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html (the roles of CreateTrainingJob and CreateModel),
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AlgorithmSpecification.html (whose credentials pull).
"""

NOBODY = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole"}
"""IAM takes no trust policy without a statement: this one trusts the account itself, so no service."""


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


def policies() -> dict[str, Policy]:
    """All of NAMES, as they are shipped."""
    return {name: json.loads((POLICIES / f"{name}.json").read_text()) for name in NAMES}


def sids(policy: Policy) -> tuple[str, ...]:
    return tuple(statement["Sid"] for statement in policy["Statement"])


def to_take_out() -> list[tuple[str, str]]:
    """(policy, sid) of every statement that the pipeline must miss when it is gone: all but the unchecked ones."""
    return [(name, sid) for name, policy in policies().items() for sid in sids(policy) if sid not in UNCHECKED]


def without(policy: Policy, sid: str) -> Policy:
    """The policy with that statement taken out. Raises KeyError where it has none of that name."""
    if sid not in sids(policy):
        raise KeyError(sid)
    return {**policy, "Statement": [statement for statement in policy["Statement"] if statement["Sid"] != sid]}


def shipped_but(name: str, sid: str) -> dict[str, Policy]:
    """All policies, one of them without a statement."""
    shipped = policies()
    return {**shipped, name: without(shipped[name], sid)}


def applied(iam: Any, given: Mapping[str, Policy]) -> Users:
    """Gives the role of `account.opened` these rights and this trust, and makes both users, with a key each.

    `iam` is a boto3 client. A user's rights are a managed policy, as they have to be in AWS: those written into a user
    may not exceed 2,048 characters (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
    """
    trust = given["execution-role-trust"]
    iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=json.dumps({**trust, "Statement": _trusted(trust)}))
    iam.put_role_policy(RoleName=ROLE, PolicyName="execution", PolicyDocument=json.dumps(given["execution-role"]))
    return Users(
        caller=_user(iam, "airflow-book", given["caller"]),
        api=_user(iam, "airflow-book-api", given["api"]),
    )


def _trusted(trust: Policy) -> list[Any]:
    return list(trust["Statement"]) or [NOBODY]


def _user(iam: Any, name: str, policy: Policy) -> User:
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    if policy["Statement"]:
        made = iam.create_policy(PolicyName=name, PolicyDocument=json.dumps(policy))
        iam.attach_user_policy(UserName=name, PolicyArn=made["Policy"]["Arn"])
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return User(arn, key["AccessKeyId"], key["SecretAccessKey"])
