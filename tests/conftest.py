"""Configuration and fixtures of the harness's own tests."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Iterator

import pytest

from harness.services.stack import Stack
from tests.canaries import canaries

__all__ = ["canaries"]

collect_ignore = ["dags"]
"""tests/test_dag_code.py runs these tests."""
AIRFLOW_PYTHON = ".harness/airflow/3.3/bin/python"

# A script that starts the tests in the background makes them ignore Ctrl-C, and all their child processes too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Let the projects that tests create use this session's Airflow, because they have none."""
    named = config.getoption("harness_airflow_python", None) or os.environ.get("HARNESS_AIRFLOW_PYTHON")
    os.environ["HARNESS_AIRFLOW_PYTHON"] = os.path.abspath(config.rootpath / (named or AIRFLOW_PYTHON))  # noqa: PTH100


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Use no packed bytes in test ids.

    gzip's output contains the time of its collection, which may differ between xdist's workers.
    """
    return argname if isinstance(val, bytes) and not (val.isascii() and val.decode().isprintable()) else None


@pytest.fixture
def postgres_dsn(harness_stack: Stack) -> Iterator[str]:
    """URL of an empty database, for libpq."""
    name = f"test_{secrets.token_hex(4)}"
    harness_stack.postgres.create(name)
    yield harness_stack.postgres.url(name)
    harness_stack.postgres.drop(name)
