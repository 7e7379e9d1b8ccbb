"""The shipped policies against the pipeline's calls: they suffice, and no part of them could be left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from scenarios.policies import (
    MISSED_BY,
    NAMES,
    UNCHECKED,
    Policy,
    policies,
    shipped_but,
    sids,
    to_take_out,
    without,
)
from tests.aws_twin.enforced import twin
from tests.aws_twin.pipeline import account, first_failure

Part = tuple[str, str, str, str]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with twin(tmp_path_factory.mktemp("twin")) as running:
        yield running


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def parts() -> list[Part]:
    """(policy, sid, "Action" or "Resource", value) of every action and resource beside which there is another."""
    return [
        (name, statement["Sid"], kind, value)
        for name, policy in policies().items()
        for statement in policy["Statement"]
        if statement["Sid"] not in UNCHECKED
        for kind in ("Action", "Resource")
        for value in listed(statement.get(kind))
        if len(listed(statement.get(kind))) > 1
    ]


def shipped_but_part(name: str, sid: str, kind: str, value: str) -> dict[str, Policy]:
    shipped = json.loads(json.dumps(policies()))
    (statement,) = (one for one in shipped[name]["Statement"] if one["Sid"] == sid)
    statement[kind].remove(value)
    found: dict[str, Policy] = shipped
    return found


def test_the_policies_suffice(url: str) -> None:
    assert first_failure(account(url, policies())) is None


def test_the_unchecked_statements_are_that(url: str) -> None:
    given = policies()
    for sid in UNCHECKED:
        given = {name: without(policy, sid) if sid in sids(policy) else policy for name, policy in given.items()}
    assert first_failure(account(url, given)) is None


@pytest.mark.parametrize(("name", "sid"), to_take_out(), ids=[sid for _, sid in to_take_out()])
def test_no_statement_can_be_left_out(url: str, name: str, sid: str) -> None:
    assert first_failure(account(url, shipped_but(name, sid))) == MISSED_BY[sid]


@pytest.mark.parametrize("part", parts(), ids=["-".join(part[1:]) for part in parts()])
def test_no_action_or_resource_can_be_left_out(url: str, part: Part) -> None:
    assert first_failure(account(url, shipped_but_part(*part))) is not None


def test_each_statement_has_a_name_of_its_own_and_is_accounted_for() -> None:
    names = [sid for policy in policies().values() for sid in sids(policy)]
    assert len(names) == len(set(names))
    assert set(MISSED_BY) | set(UNCHECKED) == set(names)
    assert not set(MISSED_BY) & set(UNCHECKED)
    assert set(to_take_out()) == {(name, sid) for name in NAMES for sid in sids(policies()[name]) if sid in MISSED_BY}
    assert all(sid.isalnum() for sid in names), "IAM takes letters and digits alone"


def test_nothing_is_given_on_everything_but_what_has_no_resource() -> None:
    wide = {
        statement["Sid"]
        for policy in policies().values()
        for statement in policy["Statement"]
        if "*" in listed(statement.get("Resource")) or any("*" in action for action in listed(statement["Action"]))
    }
    assert wide == {"WriteTheMetrics", "LogInToTheRegistry"}, "PutMetricData, GetAuthorizationToken know no resource"


def test_a_statement_is_taken_out() -> None:
    policy = {"Version": "2012-10-17", "Statement": [{"Sid": "A"}, {"Sid": "B"}]}
    assert without(policy, "A") == {"Version": "2012-10-17", "Statement": [{"Sid": "B"}]}
    assert sids(policy) == ("A", "B"), "the original is as it was"
    with pytest.raises(KeyError, match="C"):
        without(policy, "C")


@pytest.mark.parametrize("name", ["caller", "api"])
def test_a_users_policy_fits_into_a_managed_one(name: str) -> None:
    """6,144 characters without blanks: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html."""
    assert len(json.dumps(policies()[name], separators=(",", ":"))) < 6144
