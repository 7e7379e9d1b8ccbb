"""What the harness's own tests share."""

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
"""tests/test_dag_code.py runs them."""
AIRFLOW_PYTHON = ".harness/airflow/3.3/bin/python"

# Whoever starts the tests in the background of a script has them ignore Ctrl-C, and so would all that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Projects that tests make take the Airflow of this run, since they have none of their own."""
    named = config.getoption("harness_airflow_python", None) or os.environ.get("HARNESS_AIRFLOW_PYTHON")
    os.environ["HARNESS_AIRFLOW_PYTHON"] = os.path.abspath(config.rootpath / (named or AIRFLOW_PYTHON))  # noqa: PTH100


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """No test is named after packed bytes: gzip's hold the second in which a worker of xdist collected them, and two
    workers may collect in two seconds."""
    return argname if isinstance(val, bytes) and not (val.isascii() and val.decode().isprintable()) else None


@pytest.fixture
def postgres_dsn(harness_stack: Stack) -> Iterator[str]:
    """libpq URL of an empty database."""
    name = f"test_{secrets.token_hex(4)}"
    harness_stack.postgres.create(name)
    yield harness_stack.postgres.url(name)
    harness_stack.postgres.drop(name)
