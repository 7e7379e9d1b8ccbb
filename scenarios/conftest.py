"""Fixtures of the chapter's scenarios."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from harness import AirflowEnvironment, Settings, World
from scenarios.account import Account, create_account
from scenarios.digits import Digits


@pytest.fixture
def aws_account(world: World, digits: Digits) -> Account:
    """The chapter's AWS account in the AWS mock."""
    return create_account(world, digits)


@pytest.fixture(scope="session")
def environment(
    environment: Mapping[str, str], harness_airflow: AirflowEnvironment, harness_settings: Settings
) -> Mapping[str, str]:
    """Name the dags folder to Python on Airflow 3.0.

    Its scheduler puts the folder on sys.path, and its `dags test` forgets to, so that no DAG could import a sibling.
    """
    if harness_airflow.line != "3.0":
        return environment
    return {**environment, "PYTHONPATH": str(harness_settings.dags_folder)}
