"""The guide's second way to the engine's socket: mounted and owned by the airflow user."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from harness import World, get_engine_socket_owner, mounted_socket
from scenarios.expected import assert_crunched
from scenarios.listings import create_listings, load

pytestmark = pytest.mark.engine

DAG = "inside_airbnb_docker"
AIRFLOW_UID = 50000


@pytest.mark.one_runner
def test_a_socket_given_to_airflow_works_and_changes_its_owner(world: World, remark: Callable[[str], None]) -> None:
    with world.sql("insideairbnb") as connection:
        load(
            connection,
            {dt.date(2020, 12, 12): create_listings(60, seed=1), dt.date(2021, 1, 16): create_listings(60, seed=2)},
        )
    engines = get_engine_socket_owner(world.stack)

    world.run(DAG, "2021-01-01")  # The first way: through the relay.
    behind_the_relay = get_engine_socket_owner(world.stack)

    with mounted_socket(world) as socket:
        before = socket.read_owner()
        run = socket.world.run(DAG, "2021-02-01")
        after = socket.read_owner()

    assert {name: task.state for name, task in run.tasks.items()} == {
        "download_from_postgres": "success",
        "crunch_numbers": "success",
    }
    assert_crunched(world, "results/biggest_increase.json", "results/biggest_decrease.json")
    through_the_relay, by_the_socket = run.evidence.sidecars
    assert by_the_socket.image == through_the_relay.image == world.stack.images["numbercruncher"].reference
    assert by_the_socket.exit_code == 0

    # The mounted socket had the engine's owner and now has another one. On the engine's host, so would the engine's.
    assert before == engines
    assert after.uid == AIRFLOW_UID
    assert behind_the_relay == get_engine_socket_owner(world.stack) == engines

    remark(f"the socket given to airflow: {before} -> {after}")
    remark(f"the socket behind the relay: {engines} -> {behind_the_relay}")
