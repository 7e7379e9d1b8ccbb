"""Cluster policy for the setting `waits = "short"`: cap the waits of tasks at a second.

A run's AIRFLOW_HOME has a link to this file in its folder `config`, as a plugin with Airflow's entry point
`airflow.policy` (see harness/airflow/waits.py). Airflow calls the policies of such plugins together with those of the
project's own airflow_local_settings.py, which come first. The policy does nothing in a run whose home lacks LOG: a
warm host keeps the plugin for all runs.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any

import pluggy  # Airflow's policies are pluggy hooks; `airflow.policies.hookimpl` is the same marker

__file__ = os.path.realpath(__file__)  # a warm host watches its loaded files, and AIRFLOW_HOME is another in each run
LOG = "capped-waits.jsonl"
"""File in AIRFLOW_HOME; each line is a list: DAG id, task id, argument, seconds before (null: no limit)."""
SECOND = dt.timedelta(seconds=1)
ARGUMENTS = ("retry_delay", "poke_interval", "poll_interval", "check_interval", "waiter_delay")
BACKOFF = (("retry_exponential_backoff", "max_retry_delay"), ("exponential_backoff", "max_wait"))
"""An argument that makes waits grow, and the argument that limits them."""

hookimpl = pluggy.HookimplMarker("airflow.policy")


@hookimpl
def task_policy(task: Any) -> None:
    """Cap the waits of a task that Airflow has loaded, and write each change to LOG."""
    log = Path(os.environ["AIRFLOW_HOME"], LOG)
    if log.exists():
        lines = [json.dumps([task.dag_id, task.task_id, *change]) + "\n" for change in cap_waits(task)]
        with log.open("a") as out:
            out.writelines(lines)


def cap_waits(task: Any) -> list[tuple[str, float | None]]:
    """Cap each wait at a second; return the changed arguments with their seconds before.

    The delay of a task without retries stays, and so does a value that is neither a number nor a timedelta.
    """
    changes: list[tuple[str, float | None]] = []
    for argument in ARGUMENTS:
        value = read_argument(task, argument)
        seconds = to_seconds(value)
        if seconds is not None and seconds > 1 and (argument != "retry_delay" or read_argument(task, "retries")):
            second = SECOND if isinstance(value, dt.timedelta) else type(value)(1)
            changes += [(argument, seconds)] if set_argument(task, argument, second) else []
    for grows, limit in BACKOFF:
        seconds = to_seconds(read_argument(task, limit))
        retried = limit != "max_retry_delay" or read_argument(task, "retries")
        if read_argument(task, grows) and retried and (seconds is None or seconds > 1):
            changes += [(limit, seconds)] if set_argument(task, limit, SECOND) else []
    return changes


def to_seconds(value: Any) -> float | None:
    """Return a number or timedelta in seconds; None for any other value, such as a template."""
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def read_argument(task: Any, name: str) -> Any:
    """Return the task's argument.

    A mapped task has the arguments of `partial()` and Airflow's defaults.
    """
    partial = getattr(task, "partial_kwargs", {})
    return partial[name] if name in partial else getattr(task, name, None)


def set_argument(task: Any, name: str, value: Any) -> bool:
    """Set the task's argument; return False if its operator computes the value."""
    if hasattr(task, "partial_kwargs"):
        task.partial_kwargs[name] = value
        return True
    try:
        setattr(task, name, value)
    except AttributeError:
        return False
    return True
