"""Worlds with a runner that the test chooses, hosts of the test's own, and an end for all that it started."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.airflow.runners import process
from harness.airflow.runners.warm import WarmRunner, end_hosts
from harness.world import World
from tests.warm.stub import Place, runner_of, write_stub
from tests.warm.support import Runs, with_dags

RUNNERS = ("process", "warm")


@pytest.fixture
def warm(world: World, tmp_path: Path) -> Runs:
    """Runs by this test process's warm runner: it has one host for all that have the same lasting environment."""
    return Runs(with_dags(world, tmp_path / "dags"), tmp_path / "dags")


@pytest.fixture
def fresh(warm: Runs) -> Runs:
    """The same DAGs by the other runner, to compare with: a second or more for each run."""
    return dataclasses.replace(warm, world=dataclasses.replace(warm.world, execute=process.execute))


@pytest.fixture(scope="session")
def stub_airflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in for Airflow, the same for all tests, which so share a host."""
    return write_stub(tmp_path_factory.mktemp("airflow"))


@pytest.fixture(scope="session")
def stub_hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmRunner]:
    folder = tmp_path_factory.mktemp("hosts")
    yield runner_of(folder)
    end_hosts(folder)


@pytest.fixture
def stub(stub_hosts: WarmRunner, stub_airflow: Path, tmp_path: Path) -> Place:
    """Runs of scripts by the host that all tests share."""
    return Place(tmp_path, stub_airflow, stub_hosts.execute)


@pytest.fixture(params=RUNNERS)
def stub_both(request: pytest.FixtureRequest, stub: Place) -> Place:
    """The same by each runner."""
    return dataclasses.replace(stub, execute=process.execute) if request.param == "process" else stub


@pytest.fixture
def own_hosts(tmp_path: Path) -> Iterator[Callable[..., WarmRunner]]:
    """Makes hosts that no other test meets."""
    folder = tmp_path / "hosts"
    folder.mkdir()

    def make(idle: float = 600) -> WarmRunner:
        return runner_of(folder, idle)

    yield make
    end_hosts(folder)
