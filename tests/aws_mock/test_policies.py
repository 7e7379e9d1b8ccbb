"""The evaluation of IAM policies.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html.
"""

from __future__ import annotations

from typing import Any

import pytest

from harness.aws_mock.policies import denies, permits, trusts
from tests.aws_mock.mock_process import Statement, allow, deny

ACTION, RESOURCE = "s3:GetObject", "arn:aws:s3:::bucket/a.b"
SAGEMAKER = "sagemaker.amazonaws.com"
PASSED = "iam:PassedToService"


def policy(*statements: Statement) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def is_allowed(*statements: Statement, context: dict[str, str] | None = None) -> bool:
    return permits([policy(*statements)], ACTION, RESOURCE, context)


def test_an_action_needs_a_statement_that_allows_it() -> None:
    assert not permits([], ACTION, RESOURCE)
    assert not is_allowed(allow("s3:PutObject", RESOURCE))
    assert not is_allowed(allow(ACTION, "arn:aws:s3:::bucket"))
    assert is_allowed(allow(ACTION, RESOURCE))


def test_a_single_statement_and_any_policy_count() -> None:
    assert permits([{"Version": "2012-10-17", "Statement": allow(ACTION, RESOURCE)}], ACTION, RESOURCE)
    assert permits([policy(allow("s3:PutObject", "*")), policy(allow(ACTION, RESOURCE))], ACTION, RESOURCE)


@pytest.mark.parametrize("order", [1, -1])
def test_a_deny_wins_in_any_position(order: int) -> None:
    both = [allow("s3:*", "*"), deny(ACTION, "arn:aws:s3:::bucket/*")][::order]
    assert not is_allowed(*both)
    assert not permits([policy(statement) for statement in both], ACTION, RESOURCE)
    assert is_allowed(allow("s3:*", "*"), deny(ACTION, "arn:aws:s3:::other/*"))


def test_denies_means_an_explicit_deny() -> None:
    assert denies([policy(allow("*", "*"), deny("*", "*"))], ACTION, RESOURCE)
    assert not denies([policy(allow("s3:PutObject", "*"))], ACTION, RESOURCE)


@pytest.mark.parametrize("action", ["*", "s3:*", "s3:Get*", "S3:getobject", "s3:GetObjec?", ["s3:PutObject", ACTION]])
def test_actions_have_wildcards_and_ignore_case(action: str | list[str]) -> None:
    assert is_allowed(allow(action, RESOURCE))


@pytest.mark.parametrize("action", ["s3", "s3:Get", "s3:GetObject?", "3:GetObject", "s3.GetObject", []])
def test_other_actions_do_not_match(action: str | list[str]) -> None:
    assert not is_allowed(allow(action, RESOURCE))


@pytest.mark.parametrize(
    ("pattern", "resource", "matches"),
    [
        ("arn:aws:s3:::b/a.b", "arn:aws:s3:::b/axb", False),
        ("arn:aws:s3:::b/a.*", "arn:aws:s3:::b/ax", False),
        ("arn:aws:s3:::b/[ab]+(1)", "arn:aws:s3:::b/[ab]+(1)", True),
        ("arn:aws:s3:::b/[ab]", "arn:aws:s3:::b/a", False),
        ("arn:aws:s3:::b/a|b", "arn:aws:s3:::b/a", False),
        ("arn:aws:s3:::b/a?", "arn:aws:s3:::b/a", False),
        ("arn:aws:s3:::b/a?", "arn:aws:s3:::b/ab", True),
        ("arn:aws:s3:::b/a?", "arn:aws:s3:::b/abc", False),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b/a/b\nc", True),
        ("arn:aws:s3:::b*", "arn:aws:s3:::bucket/a", True),
        ("arn:aws:s3:::B/a", "arn:aws:s3:::b/a", False),
        ("arn:aws:s3:::b/a", "arn:aws:s3:::b/ab", False),
        ("arn:aws:s3:::b/a", "x-arn:aws:s3:::b/a", False),
    ],
)
def test_resources_are_not_regular_expressions(pattern: str, resource: str, matches: bool) -> None:
    assert permits([policy(allow(ACTION, pattern))], ACTION, resource) == matches


def test_not_action_and_not_resource_exclude() -> None:
    everything_but = {"Effect": "Allow", "NotAction": "s3:Put*", "Resource": "*"}
    assert permits([policy(everything_but)], ACTION, RESOURCE)
    assert not permits([policy(everything_but)], "s3:PutObject", RESOURCE)
    everywhere_but = {"Effect": "Allow", "Action": "s3:*", "NotResource": "arn:aws:s3:::bucket/*"}
    assert not permits([policy(everywhere_but)], ACTION, RESOURCE)
    assert permits([policy(everywhere_but)], ACTION, "arn:aws:s3:::other/a")


@pytest.mark.parametrize(
    ("condition", "context", "met"),
    [
        ({"StringEquals": {PASSED: SAGEMAKER}}, {PASSED: SAGEMAKER}, True),
        ({"StringEquals": {PASSED: SAGEMAKER}}, {PASSED: "ec2.amazonaws.com"}, False),
        ({"StringEquals": {PASSED: SAGEMAKER}}, {}, False),
        ({"StringEquals": {PASSED: "sagemaker*"}}, {PASSED: SAGEMAKER}, False),
        ({"StringEquals": {PASSED.upper(): SAGEMAKER}}, {PASSED: SAGEMAKER}, True),
        ({"StringEquals": {PASSED: ["ec2.amazonaws.com", SAGEMAKER]}}, {PASSED: SAGEMAKER}, True),
        ({"StringLike": {PASSED: "sage*.amazonaws.com"}}, {PASSED: SAGEMAKER}, True),
        ({"StringLike": {PASSED: "sage*.amazonaws.com"}}, {PASSED: "sagemakerXamazonaws.com"}, False),
        ({"StringNotEquals": {PASSED: SAGEMAKER}}, {PASSED: SAGEMAKER}, False),
        ({"StringNotEquals": {PASSED: SAGEMAKER}}, {PASSED: "ec2.amazonaws.com"}, True),
        ({"StringNotEquals": {PASSED: SAGEMAKER}}, {}, True),
        ({"StringNotLike": {PASSED: "sage*"}}, {PASSED: SAGEMAKER}, False),
        ({"StringEqualsIfExists": {PASSED: SAGEMAKER}}, {}, True),
        ({"StringEqualsIfExists": {PASSED: SAGEMAKER}}, {PASSED: "ec2.amazonaws.com"}, False),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:sagemaker:*"}}, {"aws:SourceArn": "arn:aws:sagemaker:x:1:m"}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:sagemaker:*"}}, {"aws:SourceArn": "arn:aws:s3:::b"}, False),
        ({"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::*"}}, {"aws:SourceArn": "arn:aws:s3:::b"}, True),
        ({"ArnNotEquals": {"aws:SourceArn": "arn:aws:s3:::b"}}, {"aws:SourceArn": "arn:aws:s3:::b"}, False),
        ({"Bool": {"aws:SecureTransport": "true"}}, {"aws:SecureTransport": "true"}, True),
        ({"Bool": {"aws:SecureTransport": True}}, {"aws:SecureTransport": "true"}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, {"aws:SecureTransport": "false"}, False),
        ({"StringEquals": {PASSED: SAGEMAKER, "aws:SourceAccount": "1"}}, {PASSED: SAGEMAKER}, False),
        ({"StringEquals": {PASSED: SAGEMAKER}, "Bool": {"aws:SecureTransport": "true"}}, {PASSED: SAGEMAKER}, False),
    ],
)
def test_conditions(condition: dict[str, Any], context: dict[str, str], met: bool) -> None:
    assert is_allowed(allow(ACTION, RESOURCE, Condition=condition), context=context) == met
    refused = deny(ACTION, RESOURCE, Condition=condition)
    assert is_allowed(allow(ACTION, RESOURCE), refused, context=context) != met


@pytest.mark.parametrize("operator", ["DateLessThan", "ForAllValues:StringEquals", "NumericEquals", "Nonsense"])
def test_an_unknown_condition_operator_never_permits(operator: str) -> None:
    condition = {operator: {PASSED: SAGEMAKER}}
    context = {PASSED: SAGEMAKER}
    assert not is_allowed(allow(ACTION, RESOURCE, Condition=condition), context=context)
    assert not is_allowed(allow(ACTION, RESOURCE), deny(ACTION, RESOURCE, Condition=condition), context=context)


@pytest.mark.parametrize(
    ("principal", "action", "trusted"),
    [
        ({"Service": SAGEMAKER}, "sts:AssumeRole", True),
        ({"Service": ["ec2.amazonaws.com", SAGEMAKER]}, ["sts:AssumeRole", "sts:TagSession"], True),
        ({"Service": SAGEMAKER}, "sts:*", True),
        ({"Service": SAGEMAKER}, "sts:TagSession", False),
        ({"Service": "ec2.amazonaws.com"}, "sts:AssumeRole", False),
        ({"AWS": "arn:aws:iam::123456789012:root"}, "sts:AssumeRole", False),
        ("*", "sts:AssumeRole", False),
        (None, "sts:AssumeRole", False),
    ],
)
def test_trust(principal: Any, action: str | list[str], trusted: bool) -> None:
    statement = {"Effect": "Allow", "Principal": principal, "Action": action}
    assert trusts(policy(statement), SAGEMAKER) == trusted


def test_trust_can_be_denied_and_conditional() -> None:
    assume = {"Effect": "Allow", "Principal": {"Service": SAGEMAKER}, "Action": "sts:AssumeRole"}
    assert not trusts(policy(assume, {**assume, "Effect": "Deny"}), SAGEMAKER)
    assert not trusts(policy({**assume, "Condition": {"StringEquals": {"sts:ExternalId": "x"}}}), SAGEMAKER)
    assert not trusts(policy(), SAGEMAKER)
