"""The DAG inside_airbnb: a month of listings from Postgres to MinIO, crunched by a PythonOperator."""

from __future__ import annotations

import csv
import datetime as dt
import io
from decimal import Decimal

import pytest

from harness import RunRefusedError, World
from scenarios.expected import assert_crunched, parsed
from scenarios.listings import COLUMNS, SNAPSHOT_DATES, Listing, load, made_up
from scenarios.listings_option import Seed
from scenarios.months import run_date

DAG = "inside_airbnb"
BUCKET = "inside-airbnb"
DATABASE = "insideairbnb"
INCREASE = "results/pyop_biggest_increase.json"
DECREASE = "results/pyop_biggest_decrease.json"


def exported(world: World, date: str) -> list[dict[str, str]]:
    """The rows of the month's object; its header is checked on the way."""
    body = world.read(BUCKET, f"listing_{date}.csv").decode()
    rows = list(csv.DictReader(io.StringIO(body, newline="")))
    assert body.splitlines()[0] == ",".join(f'"{column}"' for column in (*COLUMNS, "download_date"))
    return rows


def test_a_months_rows_arrive(world: World, two_snapshots: Seed) -> None:
    day = two_snapshots(world)[0]

    world.run(DAG, run_date(day))

    rows = exported(world, run_date(day))
    with world.sql(DATABASE) as connection:
        stored = connection.execute(
            "SELECT id::text, coalesce(name, ''), coalesce(price::text, ''), latitude::text, download_date::text"
            " FROM listings WHERE download_date >= %s AND download_date < %s",
            [day.replace(day=1), run_date(day)],
        ).fetchall()
    assert len(rows) == len(stored) > 0
    assert sorted((r["id"], r["name"], r["price"], r["latitude"], r["download_date"]) for r in rows) == sorted(stored)


def test_every_field_is_quoted_and_null_is_two_quotes(world: World) -> None:
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
    assert exported(world, "2020-11-01") == []
    assert world.read(BUCKET, INCREASE) == b"[]"
    assert world.read(BUCKET, DECREASE) == b"[]"


def test_two_snapshots_are_crunched_as_sql_does(world: World, two_snapshots: Seed) -> None:
    for day in two_snapshots(world):
        world.run(DAG, run_date(day))

    assert_crunched(world, INCREASE, DECREASE)


def test_ties_go_by_id_and_a_double_counts_once(world: World) -> None:
    # Ten listings rise by 1 in 3 days; number 7 is there twice on the second day, once much dearer.
    first, second = dt.date(2020, 12, 12), dt.date(2020, 12, 15)
    with world.sql(DATABASE) as connection:
        load(connection, {first: [Listing(id=n, name="", price=100) for n in range(10, 0, -1)]})
        load(connection, {second: [Listing(id=n, name="", price=101) for n in range(1, 11)]})
        load(connection, {second: [Listing(id=7, name="", price=900)]})

    world.run(DAG, "2021-01-01")

    increase = parsed(world.read(BUCKET, INCREASE))
    assert [change["id"] for change in increase] == [1, 2, 3, 4, 5]
    assert {change["price_diff_per_day"] for change in increase} == {Decimal("0.3333333333")}


def test_a_snapshot_on_the_first_is_exported_once(world: World) -> None:
    with world.sql(DATABASE) as connection:
        load(connection, {dt.date(2021, 1, 1): made_up(3)})

    world.run(DAG, "2021-01-01")
    world.run(DAG, "2021-02-01")

    assert exported(world, "2021-01-01") == []
    assert len(exported(world, "2021-02-01")) == 3


@pytest.mark.fresh_later
def test_the_same_date_twice_gives_the_same_objects(world: World) -> None:
    with world.sql(DATABASE) as connection:
        load(connection, {dt.date(2020, 12, 12): made_up(20, seed=1), dt.date(2020, 12, 30): made_up(20, seed=2)})

    world.run(DAG, "2021-01-01")
    first = world.evidence
    world.run(DAG, "2021-01-01")

    assert world.evidence.objects == first.objects
    assert set(first.objects[BUCKET]) == {"listing_2021-01-01.csv", INCREASE, DECREASE}


@pytest.mark.fresh_later
def test_eight_months_in_a_row(world: World) -> None:
    snapshots = {day: made_up(40 + number, seed=number) for number, day in enumerate(SNAPSHOT_DATES)}
    with world.sql(DATABASE) as connection:
        load(connection, snapshots)

    for day in SNAPSHOT_DATES:
        world.run(DAG, run_date(day))

    for day, listings in snapshots.items():
        assert len(exported(world, run_date(day))) == len(listings)
    assert_crunched(world, INCREASE, DECREASE)


@pytest.mark.parametrize("date", ["2014-06-01", "2024-06-01"])
def test_a_date_outside_the_dags_dates_is_not_green(world: World, date: str) -> None:
    run = world.run(DAG, date, expect="failure")

    assert run.exit_code == 0, "Airflow itself calls it a success"
    assert run.state == "success"
    assert run.failure is not None
    assert f"{date} is outside the DAG's dates, 2015-01-01 (start_date) to 2023-12-21 (end_date)" in run.failure
    assert world.keys(BUCKET) == []


def test_the_guides_s3_connection_is_refused(world: World) -> None:
    guides = "s3://user:password@?host=http%3A%2F%2Flocals3%3A9000"

    with pytest.raises(RunRefusedError, match="would talk to the real AWS") as refused:
        world.run(DAG, "2021-01-01", connections={"locals3": guides})

    assert "aws://LOGIN:PASSWORD@/?endpoint_url=http%3A%2F%2Flocals3%3A9000" in str(refused.value)
    assert not list(world.folder.rglob("run.log")), "Airflow was not started"
