"""The DAG inside_airbnb_docker: crunch the export in a container started via the relay."""

from __future__ import annotations

import datetime as dt

import pytest

from harness import RunRefusedError, World
from scenarios.expected import assert_crunched
from scenarios.listings import create_listings, load
from scenarios.listings_option import Seed
from scenarios.months import run_date

pytestmark = pytest.mark.engine

DAG = "inside_airbnb_docker"
BUCKET = "inside-airbnb"
DATABASE = "insideairbnb"
INCREASE = "results/biggest_increase.json"
DECREASE = "results/biggest_decrease.json"


def test_the_number_cruncher_runs_through_the_relay(world: World, two_snapshots: Seed) -> None:
    for day in two_snapshots(world):
        world.run(DAG, run_date(day))

    assert_crunched(world, INCREASE, DECREASE)
    # The operator removes its container, but the evidence has its exit code and output.
    sidecar = world.evidence.sidecars[-1]
    assert sidecar.image == world.stack.images["numbercruncher"].reference
    assert sidecar.exit_code == 0
    assert f"Biggest increases: {world.read(BUCKET, INCREASE).decode()}" in sidecar.output


def test_an_empty_month(world: World) -> None:
    world.run(DAG, "2020-11-01")

    assert world.keys(BUCKET) == ["listing_2020-11-01.csv", DECREASE, INCREASE]
    assert world.read(BUCKET, INCREASE) == world.read(BUCKET, DECREASE) == b"[]"


def test_a_failing_cruncher_fails_the_run(world: World) -> None:
    with world.sql(DATABASE) as connection:
        load(connection, {dt.date(2020, 12, 12): create_listings(5)})

    run = world.run(DAG, "2021-01-01", environment={"S3_SECRET_KEY": "wrong"}, expect="failure")

    assert run.state == "failed"
    assert run.exit_code == 1
    assert run.failure == "the run failed: crunch_numbers failed"
    assert run.tasks["download_from_postgres"].state == "success"
    assert world.keys(BUCKET) == ["listing_2021-01-01.csv"]
    (sidecar,) = world.evidence.sidecars
    assert sidecar.exit_code == 1
    assert "SignatureDoesNotMatch" in sidecar.output


def test_the_guides_docker_host_is_rejected(world: World) -> None:
    """The guide's DAG uses port 2376, but its relay listens on 2375."""
    with pytest.raises(RunRefusedError, match=r"host socat, port 2376 .*relay listens on 2375"):
        world.run(DAG, "2021-01-01", environment={"DOCKER_HOST": "tcp://socat:2376"})

    assert not list(world.folder.rglob("run.log")), "Airflow was not started"


def test_an_unreachable_docker_host_is_rejected(world: World) -> None:
    with pytest.raises(RunRefusedError, match=r"host 127\.0\.0\.1, port 9 "):
        world.run(DAG, "2021-01-01", environment={"DOCKER_HOST": "tcp://127.0.0.1:9"})

    assert not list(world.folder.rglob("run.log")), "Airflow was not started"
