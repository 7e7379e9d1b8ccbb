"""The DAG inside_airbnb: export a month of listings to MinIO, and crunch it in the worker."""

from __future__ import annotations

import csv
import datetime as dt
import io
from decimal import Decimal

import pytest

from harness import RunRefusedError, World
from scenarios.expected import assert_crunched, parse
from scenarios.listings import COLUMNS, SNAPSHOT_DATES, Listing, create_listings, load
from scenarios.listings_option import Seed
from scenarios.months import run_date

DAG = "inside_airbnb"
BUCKET = "inside-airbnb"
DATABASE = "insideairbnb"
INCREASE = "results/pyop_biggest_increase.json"
DECREASE = "results/pyop_biggest_decrease.json"


def read_export(world: World, date: str) -> list[dict[str, str]]:
    """Return the rows of a month's export, and check the header."""
    body = world.read(BUCKET, f"listing_{date}.csv").decode()
    rows = list(csv.DictReader(io.StringIO(body, newline="")))
    assert body.splitlines()[0] == ",".join(f'"{column}"' for column in (*COLUMNS, "download_date"))
    return rows


def test_a_run_exports_the_months_rows(world: World, two_snapshots: Seed) -> None:
    day = two_snapshots(world)[0]

    world.run(DAG, run_date(day))

    rows = read_export(world, run_date(day))
    with world.sql(DATABASE) as connection:
        stored = connection.execute(
            "SELECT id::text, coalesce(name, ''), coalesce(price::text, ''), latitude::text, download_date::text"
            " FROM listings WHERE download_date >= %s AND download_date < %s",
            [day.replace(day=1), run_date(day)],
        ).fetchall()
    assert len(rows) == len(stored) > 0
    assert sorted((r["id"], r["name"], r["price"], r["latitude"], r["download_date"]) for r in rows) == sorted(stored)


def test_every_field_is_quoted_and_null_is_empty(world: World) -> None:
    awkward = Listing(id=2**40, name='a "b", c\r\nd ⛵', price=None)
    with world.sql(DATABASE) as connection:
        load(connection, {dt.date(2020, 12, 12): [awkward]})

    world.run(DAG, "2021-01-01")

    expected = io.StringIO()
    csv.writer(expected, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(
        [
            (*COLUMNS, "download_date"),
            (
                *(2**40, awkward.name, 1, "Host", "", "Centrum-West", awkward.latitude, awkward.longitude),
                *("Private room", "", 2, 3, "", "", 1, 90, "", "", "2020-12-12"),
            ),
        ]
    )
    assert world.read(BUCKET, "listing_2021-01-01.csv") == expected.getvalue().encode()


def test_an_empty_month(world: World) -> None:
    world.run(DAG, "2020-11-01")

    assert world.keys(BUCKET) == ["listing_2020-11-01.csv", DECREASE, INCREASE]
    assert read_export(world, "2020-11-01") == []
    assert world.read(BUCKET, INCREASE) == b"[]"
    assert world.read(BUCKET, DECREASE) == b"[]"


def test_the_results_equal_those_of_sql(world: World, two_snapshots: Seed) -> None:
    for day in two_snapshots(world):
        world.run(DAG, run_date(day))

    assert_crunched(world, INCREASE, DECREASE)


def test_ties_are_ordered_by_id_and_duplicates_count_once(world: World) -> None:
    # The prices of ten listings rise by 1 in 3 days; listing 7 has a second, much higher price on the second day.
    first, second = dt.date(2020, 12, 12), dt.date(2020, 12, 15)
    with world.sql(DATABASE) as connection:
        load(connection, {first: [Listing(id=n, name="", price=100) for n in range(10, 0, -1)]})
        load(connection, {second: [Listing(id=n, name="", price=101) for n in range(1, 11)]})
        load(connection, {second: [Listing(id=7, name="", price=900)]})

    world.run(DAG, "2021-01-01")

    increase = parse(world.read(BUCKET, INCREASE))
    assert [change["id"] for change in increase] == [1, 2, 3, 4, 5]
    assert {change["price_diff_per_day"] for change in increase} == {Decimal("0.3333333333")}


def test_a_snapshot_on_the_first_is_exported_once(world: World) -> None:
    with world.sql(DATABASE) as connection:
        load(connection, {dt.date(2021, 1, 1): create_listings(3)})

    world.run(DAG, "2021-01-01")
    world.run(DAG, "2021-02-01")

    assert read_export(world, "2021-01-01") == []
    assert len(read_export(world, "2021-02-01")) == 3


@pytest.mark.fresh_later
def test_a_second_run_of_a_date_writes_equal_objects(world: World) -> None:
    with world.sql(DATABASE) as connection:
        load(
            connection,
            {dt.date(2020, 12, 12): create_listings(20, seed=1), dt.date(2020, 12, 30): create_listings(20, seed=2)},
        )

    world.run(DAG, "2021-01-01")
    first = world.evidence
    world.run(DAG, "2021-01-01")

    assert world.evidence.objects == first.objects
    assert set(first.objects[BUCKET]) == {"listing_2021-01-01.csv", INCREASE, DECREASE}


@pytest.mark.fresh_later
def test_eight_consecutive_months(world: World) -> None:
    snapshots = {day: create_listings(40 + number, seed=number) for number, day in enumerate(SNAPSHOT_DATES)}
    with world.sql(DATABASE) as connection:
        load(connection, snapshots)

    for day in SNAPSHOT_DATES:
        world.run(DAG, run_date(day))

    for day, listings in snapshots.items():
        assert len(read_export(world, run_date(day))) == len(listings)
    assert_crunched(world, INCREASE, DECREASE)


@pytest.mark.parametrize("date", ["2014-06-01", "2024-06-01"])
def test_a_date_outside_the_dags_dates_fails(world: World, date: str) -> None:
    run = world.run(DAG, date, expect="failure")

    assert run.exit_code == 0, "Airflow itself reports a success"
    assert run.state == "success"
    assert run.failure is not None
    assert f"{date} is outside the DAG's dates, 2015-01-01 (start_date) to 2023-12-21 (end_date)" in run.failure
    assert world.keys(BUCKET) == []


def test_the_guides_s3_connection_is_rejected(world: World) -> None:
    connection = "s3://user:password@?host=http%3A%2F%2Flocals3%3A9000"

    with pytest.raises(RunRefusedError, match="would call the real AWS") as caught:
        world.run(DAG, "2021-01-01", connections={"locals3": connection})

    assert "aws://LOGIN:PASSWORD@/?endpoint_url=http%3A%2F%2Flocals3%3A9000" in str(caught.value)
    assert not list(world.folder.rglob("run.log")), "Airflow was not started"
