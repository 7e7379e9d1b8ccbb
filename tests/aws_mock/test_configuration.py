"""The mock's configuration itself; test_jobs.py and test_endpoints.py test its effect."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from harness.aws_mock import configuration
from harness.aws_mock.configuration import Configuration, EndpointBehaviour, TrainingBehaviour


@pytest.fixture(autouse=True)
def reset_configuration() -> Iterator[None]:
    configuration.reset()
    yield
    configuration.reset()


def test_by_default_nothing_takes_long_or_fails() -> None:
    assert configuration.current() == Configuration(TrainingBehaviour(0, None, None, False), EndpointBehaviour(0, None))


def test_an_update_replaces_one_part_and_keeps_the_other() -> None:
    configuration.update({"training": {"polls": 2, "duration": 5}, "endpoint": {"polls": 1}})
    configuration.update({"training": {"fail": "for a reason"}})
    assert configuration.current() == Configuration(TrainingBehaviour(fail="for a reason"), EndpointBehaviour(polls=1))


def test_a_reset_restores_the_defaults() -> None:
    configuration.update({"endpoint": {"fail": "for a reason"}})
    before = configuration.scenario_number()
    configuration.reset()
    assert configuration.current() == Configuration()
    assert configuration.scenario_number() == before + 1


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"training": {"polls": 1}, "endpoint": {"polls": -1}}, "endpoint.polls -1: give a number of descriptions"),
        ({"training": {"polls": 1}, "model": {}}, "the parts are training and endpoint"),
        ({"endpoint": {"polls": True}}, "endpoint.polls True: give a number of descriptions"),
        ({"training": {"duration": -1}}, "training.duration -1: give a number of seconds"),
        ({"training": {"duration": True}}, "training.duration True: give a number of seconds"),
        ({"training": {"duration": float("nan")}}, "training.duration nan: give a number of seconds"),
        ({"training": {"duration": float("inf")}}, "training.duration inf: give a number of seconds"),
        ({"training": {"until_stopped": 1}}, "training.until_stopped 1: give true or false"),
        ({"endpoint": {"until_stopped": True}}, "endpoint {'until_stopped': True}: the keys are fail, polls"),
        ({"training": "fast"}, "training 'fast': the keys are duration, fail, polls, until_stopped"),
    ],
    ids=lambda value: None if isinstance(value, str) else str(value),
)
def test_a_rejected_update_changes_nothing(parts: Any, message: str) -> None:
    configuration.update({"training": {"polls": 7}})
    with pytest.raises(ValueError, match=re.escape(message)):
        configuration.update(parts)
    assert configuration.current() == Configuration(TrainingBehaviour(polls=7))
