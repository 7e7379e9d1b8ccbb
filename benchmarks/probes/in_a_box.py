"""BENCH_TIMES tests of pytest-airflow-in-a-box with the same empty DAG."""

from __future__ import annotations

import os
from typing import Any

import pytest


@pytest.mark.parametrize("number", range(int(os.environ["BENCH_TIMES"])))
def test_added(dag_bag: Any, run_dag: Any, number: int) -> None:
    assert run_dag(dag_bag.dags["empty"]).success
