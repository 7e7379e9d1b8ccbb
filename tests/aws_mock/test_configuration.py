"""Orders, as the twin keeps them. What they do to jobs and endpoints is in test_jobs.py and test_endpoints.py."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from harness.aws_twin import orders
from harness.aws_twin.orders import EndpointOrder, Orders, TrainingOrder


@pytest.fixture(autouse=True)
def no_orders() -> Iterator[None]:
    orders.forget()
    yield
    orders.forget()


def test_without_orders_nothing_takes_long_or_fails() -> None:
    assert orders.current() == Orders(TrainingOrder(0, None, None, False), EndpointOrder(0, None))


def test_an_order_replaces_the_one_before_and_leaves_the_other_kind_alone() -> None:
    orders.give({"training": {"looks": 2, "takes": 5}, "endpoint": {"looks": 1}})
    orders.give({"training": {"fail": "for a reason"}})
    assert orders.current() == Orders(TrainingOrder(fail="for a reason"), EndpointOrder(looks=1))


def test_until_reset() -> None:
    orders.give({"endpoint": {"fail": "for a reason"}})
    before = orders.scenario()
    orders.forget()
    assert orders.current() == Orders()
    assert orders.scenario() == before + 1


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"training": {"looks": 1}, "endpoint": {"looks": -1}}, "endpoint.looks is a number of descriptions, not -1"),
        ({"training": {"looks": 1}, "model": {}}, "orders are for training and endpoint"),
        ({"endpoint": {"looks": True}}, "endpoint.looks is a number of descriptions, not True"),
        ({"training": {"takes": -1}}, "training.takes is a number of seconds, not -1"),
        ({"training": {"takes": True}}, "training.takes is a number of seconds, not True"),
        ({"training": {"takes": float("nan")}}, "training.takes is a number of seconds, not nan"),
        ({"training": {"takes": float("inf")}}, "training.takes is a number of seconds, not inf"),
        ({"training": {"until_stopped": 1}}, "training.until_stopped is true or false, not 1"),
        ({"endpoint": {"until_stopped": True}}, "an order for endpoint has fail, looks, not"),
        ({"training": "fast"}, "an order for training has fail, looks, takes, until_stopped, not 'fast'"),
    ],
    ids=lambda value: None if isinstance(value, str) else str(value),
)
def test_what_is_refused_changes_nothing(wanted: Any, told: str) -> None:
    orders.give({"training": {"looks": 7}})
    with pytest.raises(ValueError, match=re.escape(told)):
        orders.give(wanted)
    assert orders.current() == Orders(TrainingOrder(looks=7))
