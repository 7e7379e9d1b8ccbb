"""Fixtures: worlds with a chosen runner, and hosts that end with the test."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.airflow.runners import process
from harness.airflow.runners.warm import WarmRunner, end_hosts
from harness.world import World
from tests.warm.stub import Place, create_runner, write_stub
from tests.warm.support import Runs, set_dags_folder

RUNNERS = ("process", "warm")


@pytest.fixture
def warm(world: World, tmp_path: Path) -> Runs:
    """Runs by the warm runner of this test process; runs with the same start-up environment share a host."""
    return Runs(set_dags_folder(world, tmp_path / "dags"), tmp_path / "dags")


@pytest.fixture
def fresh(warm: Runs) -> Runs:
    """Runs of the same DAGs by the process runner, for comparison; each takes a second or more."""
    return dataclasses.replace(warm, world=dataclasses.replace(warm.world, execute=process.execute))


@pytest.fixture(scope="session")
def stub_airflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in for Airflow; all tests use the same one, so they share a host."""
    return write_stub(tmp_path_factory.mktemp("airflow"))


@pytest.fixture(scope="session")
def stub_hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmRunner]:
    folder = tmp_path_factory.mktemp("hosts")
    yield create_runner(folder)
    end_hosts(folder)


@pytest.fixture
def stub(stub_hosts: WarmRunner, stub_airflow: Path, tmp_path: Path) -> Place:
    """Runs of scripts by the shared host."""
    return Place(tmp_path, stub_airflow, stub_hosts.execute)


@pytest.fixture(params=RUNNERS)
def stub_both(request: pytest.FixtureRequest, stub: Place) -> Place:
    """Runs of scripts by each runner."""
    return dataclasses.replace(stub, execute=process.execute) if request.param == "process" else stub


@pytest.fixture
def own_hosts(tmp_path: Path) -> Iterator[Callable[..., WarmRunner]]:
    """A function that creates a runner whose hosts no other test uses."""
    folder = tmp_path / "hosts"
    folder.mkdir()

    def create(idle: float = 600) -> WarmRunner:
        return create_runner(folder, idle)

    yield create
    end_hosts(folder)
