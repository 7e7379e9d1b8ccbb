"""The expected results of the number cruncher, computed by Postgres instead of pandas."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import psycopg

from harness import World

BIGGEST = """
WITH priced AS (
    -- Several rows on one date: the lowest price counts. Rows without a price don't count.
    SELECT id, download_date AS day, min(price) AS price
    FROM listings WHERE price IS NOT NULL GROUP BY id, download_date
), ends AS (
    SELECT id, min(day) AS first, max(day) AS last FROM priced GROUP BY id HAVING min(day) < max(day)
)
SELECT id, first, last, oldest.price, latest.price,
       round((latest.price - oldest.price)::numeric / (last - first), 10)
FROM ends
JOIN priced oldest USING (id) JOIN priced latest USING (id)
WHERE oldest.day = first AND latest.day = last
-- Rounding makes equal quotients equal. Different quotients stay different: those of whole prices over fewer than
-- 100,000 days differ by at least 10^-10.
ORDER BY 6 {direction}, id
LIMIT 5
"""

Changes = list[dict[str, Any]]


def query_biggest_changes(connection: psycopg.Connection) -> tuple[Changes, Changes]:
    """Query the five biggest increases and decreases in price per day."""
    increase, decrease = (
        [_record(row) for row in connection.execute(BIGGEST.format(direction=direction).encode()).fetchall()]
        for direction in ("DESC", "ASC")
    )
    return increase, decrease


def assert_crunched(world: World, increase_key: str, decrease_key: str) -> None:
    """Assert that both results in the bucket equal those of SQL, five records each."""
    with world.sql("insideairbnb") as connection:
        increase, decrease = query_biggest_changes(connection)
    assert len(increase) == len(decrease) == 5
    assert parse(world.read("inside-airbnb", increase_key)) == increase
    assert parse(world.read("inside-airbnb", decrease_key)) == decrease


def parse(body: bytes) -> Changes:
    """Parse a result of the cruncher, with its decimals as written."""
    return [dict(record) for record in json.loads(body, parse_float=Decimal)]


def _record(row: tuple[Any, ...]) -> Mapping[str, Any]:
    ident, first, last, oldest, latest, change = row
    return {
        "id": ident,
        "download_date_min": _epoch_milliseconds(first),
        "download_date_max": _epoch_milliseconds(last),
        "oldest_price": oldest,
        "latest_price": latest,
        "price_diff_per_day": change,
    }


def _epoch_milliseconds(day: dt.date) -> int:
    return (day - dt.date(1970, 1, 1)).days * 24 * 60 * 60 * 1000
