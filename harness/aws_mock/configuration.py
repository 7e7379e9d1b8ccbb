"""How jobs and endpoints behave that are created from now on, until the next reset."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar


@dataclass(frozen=True)
class TrainingBehaviour:
    """How a training job behaves.

    `polls`: number of descriptions that report the job in progress. `fail`: reason with which the job fails instead of
    training. `duration`: seconds that the job reports and that count against MaxRuntimeInSeconds; the mock doesn't wait
    for them. `until_stopped`: the job runs until StopTrainingJob.
    """

    polls: int = 0
    fail: str | None = None
    duration: float | None = None
    until_stopped: bool = False


@dataclass(frozen=True)
class EndpointBehaviour:
    """How an endpoint is deployed.

    `polls`: number of descriptions that report the deployment in progress. `fail`: reason with which it fails.
    """

    polls: int = 0
    fail: str | None = None


@dataclass(frozen=True)
class Configuration:
    training: TrainingBehaviour = TrainingBehaviour()
    endpoint: EndpointBehaviour = EndpointBehaviour()


_current = Configuration()
_scenario = 0
LOCK = threading.RLock()
"""Held while a job ends and during a reset: a job of one scenario must not write its result into the next."""
Behaviour = TypeVar("Behaviour", TrainingBehaviour, EndpointBehaviour)


def current() -> Configuration:
    return _current


def scenario_number() -> int:
    """Number of resets so far."""
    return _scenario


def reset() -> None:
    global _current, _scenario
    _current = Configuration()
    _scenario += 1


def update(parts: Any) -> None:
    """Replace the parts named in `parts`: {"training": {...}, "endpoint": {...}}.

    Raises ValueError with a message of one line; then no part has changed.
    """
    global _current
    if not isinstance(parts, Mapping) or parts.keys() - {"training", "endpoint"}:
        raise ValueError(f"configuration {parts!r}: the parts are training and endpoint")
    training = _parse(TrainingBehaviour, "training", parts.get("training"), _current.training)
    endpoint = _parse(EndpointBehaviour, "endpoint", parts.get("endpoint"), _current.endpoint)
    _current = Configuration(training, endpoint)


def _parse(kind: type[Behaviour], name: str, values: Any, before: Behaviour) -> Behaviour:
    if values is None:
        return before
    allowed = {field.name for field in fields(kind)}
    if not isinstance(values, Mapping) or values.keys() - allowed:
        raise ValueError(f"{name} {values!r}: the keys are {', '.join(sorted(allowed))}")
    behaviour = kind(**values)
    if isinstance(behaviour.polls, bool) or not isinstance(behaviour.polls, int) or behaviour.polls < 0:
        raise ValueError(f"{name}.polls {behaviour.polls!r}: give a number of descriptions, 0 or more")
    if not isinstance(behaviour.fail, str | None):
        raise ValueError(f"{name}.fail {behaviour.fail!r}: give the reason as a string")
    if isinstance(behaviour, TrainingBehaviour) and not isinstance(behaviour.until_stopped, bool):
        raise ValueError(f"{name}.until_stopped {behaviour.until_stopped!r}: give true or false")
    if isinstance(behaviour, TrainingBehaviour) and not _is_duration(behaviour.duration):
        raise ValueError(f"{name}.duration {behaviour.duration!r}: give a number of seconds, 0 or more")
    return behaviour


def _is_duration(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return value is None or (isinstance(value, int | float) and math.isfinite(value) and value >= 0)
