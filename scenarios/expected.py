"""What the number cruncher must find, computed by Postgres instead of pandas."""

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
    -- seen twice on one date: the lower price counts; without a price: not at all
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
-- Rounded here too: unrounded, equal quotients may differ in their last digits. Unequal ones stay apart, as whole
-- prices over fewer than 100,000 days are at least 10^-10 apart.
ORDER BY 6 {direction}, id
LIMIT 5
"""

Changes = list[dict[str, Any]]


def biggest_changes(connection: psycopg.Connection) -> tuple[Changes, Changes]:
    """The five biggest increases and decreases in price per day, in the cruncher's fields."""
    increase, decrease = (
        [_record(row) for row in connection.execute(BIGGEST.format(direction=direction).encode()).fetchall()]
        for direction in ("DESC", "ASC")
    )
    return increase, decrease


def assert_crunched(world: World, increase_key: str, decrease_key: str) -> None:
    """The results in the bucket are exactly what SQL finds in the table, five each way."""
    with world.sql("insideairbnb") as connection:
        increase, decrease = biggest_changes(connection)
    assert len(increase) == len(decrease) == 5
    assert parsed(world.read("inside-airbnb", increase_key)) == increase
    assert parsed(world.read("inside-airbnb", decrease_key)) == decrease


def parsed(body: bytes) -> Changes:
    """A result of the cruncher with its decimals exactly as written."""
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
