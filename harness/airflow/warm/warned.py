"""Warnings that Airflow gives while it imports itself: the host has heard them, and every run is to tell them again."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

TASK_RUNNERS = ("airflow.sdk.definitions.dag", "airflow.models.dag")
RUN_TASK = "_run_task"
"""The function in which `dags test` runs one task, in both Airflow lines: some imports wait for the first task."""


@dataclass
class Warned:
    """What was given before the first task, and with it."""

    at_start: list[warnings.WarningMessage] = field(default_factory=list)
    with_task: list[warnings.WarningMessage] = field(default_factory=list)


@contextmanager
def listening() -> Iterator[Warned]:
    """Notes the warnings that come out of an import; others come again by themselves. They are shown as usual."""
    heard = Warned()
    module: Any = warnings
    show = module._showwarnmsg

    def noted(message: warnings.WarningMessage) -> None:
        show(message)
        names = set(_functions_on_the_stack())
        if "_find_and_load" in names:
            (heard.with_task if RUN_TASK in names else heard.at_start).append(message)

    module._showwarnmsg = noted
    try:
        yield heard
    finally:
        module._showwarnmsg = show


def _functions_on_the_stack() -> Iterator[str]:
    frame = sys._getframe(1)
    while frame:
        yield frame.f_code.co_name
        frame = frame.f_back  # type: ignore[assignment]


def tell_again(heard: Warned) -> None:
    """In a fork, before Airflow's entry point is called."""
    _show(heard.at_start)
    if heard.with_task:
        for name in TASK_RUNNERS:
            module = sys.modules.get(name)
            if hasattr(module, RUN_TASK):
                setattr(module, RUN_TASK, _telling(getattr(module, RUN_TASK), module, heard.with_task))


def _telling(run_task: Callable[..., Any], module: Any, messages: Sequence[warnings.WarningMessage]) -> Any:
    @wraps(run_task)
    def first(*args: Any, **options: Any) -> Any:
        setattr(module, RUN_TASK, run_task)
        _show(messages)
        return run_task(*args, **options)

    return first


def _show(messages: Sequence[warnings.WarningMessage]) -> None:
    module: Any = warnings
    for message in messages:
        module._showwarnmsg(message)
