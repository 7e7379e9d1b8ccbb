"""Fixtures for tests of the pipelines' code, which tests/test_dag_code.py runs in Airflow's environment.

That environment has no harness. The dags folder is on sys.path, as in Airflow.
"""

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

DAGS = Path(__file__).parents[2] / "dags"
sys.path.append(str(DAGS))


@pytest.fixture(scope="session")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Import Airflow with a temporary AIRFLOW_HOME, as the import writes a configuration file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
        patch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
        importlib.import_module("airflow")
        yield


@pytest.fixture
def postgres_to_s3(airflow: None) -> ModuleType:
    return importlib.import_module("inside_airbnb.postgres_to_s3")


@pytest.fixture
def load_dags(airflow: None) -> Callable[[], Any]:
    try:
        from airflow.dag_processing.dagbag import DagBag  # Airflow 3
    except ImportError:
        from airflow.models.dagbag import DagBag
    return lambda: DagBag(DAGS / "inside_airbnb")


@pytest.fixture
def postgres_dsn() -> str:
    """libpq URL of a database to write to."""
    return os.environ["DAG_CODE_POSTGRES"]
