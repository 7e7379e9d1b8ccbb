"""What a scenario ordered: how training jobs and endpoints that are made from now on behave, until the next reset."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar


@dataclass(frozen=True)
class TrainingOrder:
    """`looks`: how many descriptions show it in progress. `fail`: the reason with which it fails instead of training.
    `takes`: seconds, as if: compared with MaxRuntimeInSeconds and reported, not waited for. `until_stopped`: it goes on
    until StopTrainingJob.
    """

    looks: int = 0
    fail: str | None = None
    takes: float | None = None
    until_stopped: bool = False


@dataclass(frozen=True)
class EndpointOrder:
    """`looks`: how many descriptions show it being made. `fail`: the reason with which that fails."""

    looks: int = 0
    fail: str | None = None


@dataclass(frozen=True)
class Orders:
    training: TrainingOrder = TrainingOrder()
    endpoint: EndpointOrder = EndpointOrder()


_current = Orders()
_scenario = 0
LOCK = threading.RLock()
"""Held while a job ends, and while everything is reset: what was begun in one scenario must not end in another."""
Order = TypeVar("Order", TrainingOrder, EndpointOrder)


def current() -> Orders:
    return _current


def scenario() -> int:
    """Counts the resets."""
    return _scenario


def forget() -> None:
    global _current, _scenario
    _current = Orders()
    _scenario += 1


def give(wanted: Any) -> None:
    """Replaces what is named in `wanted`: {"training": {...}, "endpoint": {...}}. Raises ValueError, in one line."""
    global _current
    if not isinstance(wanted, Mapping) or wanted.keys() - {"training", "endpoint"}:
        raise ValueError(f"orders are for training and endpoint, not {wanted!r}")
    training = _made(TrainingOrder, "training", wanted.get("training"), _current.training)
    endpoint = _made(EndpointOrder, "endpoint", wanted.get("endpoint"), _current.endpoint)
    _current = Orders(training, endpoint)


def _made(kind: type[Order], name: str, wanted: Any, before: Order) -> Order:
    if wanted is None:
        return before
    allowed = {field.name for field in fields(kind)}
    if not isinstance(wanted, Mapping) or wanted.keys() - allowed:
        raise ValueError(f"an order for {name} has {', '.join(sorted(allowed))}, not {wanted!r}")
    order = kind(**wanted)
    if isinstance(order.looks, bool) or not isinstance(order.looks, int) or order.looks < 0:
        raise ValueError(f"{name}.looks is a number of descriptions, not {order.looks!r}")
    if not isinstance(order.fail, str | None):
        raise ValueError(f"{name}.fail is a reason, not {order.fail!r}")
    if isinstance(order, TrainingOrder) and not isinstance(order.until_stopped, bool):
        raise ValueError(f"{name}.until_stopped is true or false, not {order.until_stopped!r}")
    if isinstance(order, TrainingOrder) and not (order.takes is None or _is_duration(order.takes)):
        raise ValueError(f"{name}.takes is a number of seconds, not {order.takes!r}")
    return order


def _is_duration(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
