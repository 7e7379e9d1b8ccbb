"""The shipped policies suffice for the pipeline's calls, and every part is necessary."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from scenarios.policies import (
    FAILING_STEP,
    NAMES,
    UNCHECKED,
    Policy,
    list_checked,
    list_sids,
    load_policies,
    load_policies_without,
    without,
)
from tests.aws_mock.mock_process import running_mock
from tests.aws_mock.pipeline import create_account, find_first_failure

Part = tuple[str, str, str, str]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_mock(tmp_path_factory.mktemp("mock")) as running:
        yield running


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def list_parts() -> list[Part]:
    """List (policy, sid, "Action" or "Resource", value) of all lists with more than one entry."""
    return [
        (name, statement["Sid"], kind, value)
        for name, policy in load_policies().items()
        for statement in policy["Statement"]
        if statement["Sid"] not in UNCHECKED
        for kind in ("Action", "Resource")
        for value in as_list(statement.get(kind))
        if len(as_list(statement.get(kind))) > 1
    ]


def shipped_but_part(name: str, sid: str, kind: str, value: str) -> dict[str, Policy]:
    shipped = json.loads(json.dumps(load_policies()))
    (statement,) = (each for each in shipped[name]["Statement"] if each["Sid"] == sid)
    statement[kind].remove(value)
    changed: dict[str, Policy] = shipped
    return changed


@pytest.mark.at_length  # a scenario runs with the policies
def test_the_policies_suffice(url: str) -> None:
    assert find_first_failure(create_account(url, load_policies())) is None


@pytest.mark.at_length
def test_the_pipeline_passes_without_the_unchecked_statements(url: str) -> None:
    given = load_policies()
    for sid in UNCHECKED:
        given = {name: without(policy, sid) if sid in list_sids(policy) else policy for name, policy in given.items()}
    assert find_first_failure(create_account(url, given)) is None


@pytest.mark.parametrize(("name", "sid"), list_checked(), ids=[sid for _, sid in list_checked()])
def test_each_statement_is_necessary(url: str, name: str, sid: str) -> None:
    assert find_first_failure(create_account(url, load_policies_without(name, sid))) == FAILING_STEP[sid]


@pytest.mark.parametrize("part", list_parts(), ids=["-".join(part[1:]) for part in list_parts()])
def test_each_action_and_resource_is_necessary(url: str, part: Part) -> None:
    assert find_first_failure(create_account(url, shipped_but_part(*part))) is not None


def test_statement_names_are_unique_and_listed() -> None:
    names = [sid for policy in load_policies().values() for sid in list_sids(policy)]
    assert len(names) == len(set(names))
    assert set(FAILING_STEP) | set(UNCHECKED) == set(names)
    assert not set(FAILING_STEP) & set(UNCHECKED)
    assert set(list_checked()) == {
        (name, sid) for name in NAMES for sid in list_sids(load_policies()[name]) if sid in FAILING_STEP
    }
    assert all(sid.isalnum() for sid in names), "IAM accepts only letters and digits"


def test_only_actions_without_resources_have_wildcards() -> None:
    wide = {
        statement["Sid"]
        for policy in load_policies().values()
        for statement in policy["Statement"]
        if "*" in as_list(statement.get("Resource")) or any("*" in action for action in as_list(statement["Action"]))
    }
    assert wide == {"WriteTheMetrics", "LogInToTheRegistry"}, (
        "PutMetricData and GetAuthorizationToken have no resources"
    )


def test_without_removes_a_statement() -> None:
    policy = {"Version": "2012-10-17", "Statement": [{"Sid": "A"}, {"Sid": "B"}]}
    assert without(policy, "A") == {"Version": "2012-10-17", "Statement": [{"Sid": "B"}]}
    assert list_sids(policy) == ("A", "B"), "the original is unchanged"
    with pytest.raises(KeyError, match="C"):
        without(policy, "C")


@pytest.mark.parametrize("name", ["caller", "api"])
def test_a_users_policy_fits_the_limit_of_managed_policies(name: str) -> None:
    """The limit is 6,144 characters without blanks.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html.
    """
    assert len(json.dumps(load_policies()[name], separators=(",", ":"))) < 6144
