"""Alternate: export a million listings with the DAG's operator, and with a plain script.

BENCH_SCHEMA is the file with the table's schema. The probe notes rows a second, from the first connection to the last
response.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import pytest

from benchmarks import plain_copy
from benchmarks.recording import Note
from harness.services.stack import Stack
from harness.world import World

ROWS = 1_000_000
# Values like Inside Airbnb's in length and kind, including NULLs.
FILL = f"""
INSERT INTO listings
SELECT 2818 + n, 'Quiet Garden View Room & Super Fast "WiFi", number ' || n, 3159 + n / 3, 'Daniel', NULL,
       'Oostelijk Havengebied - Indische Buurt', 52.3 + (n % 1000) / 10000.0, 4.9 + (n % 777) / 10000.0, 'Private room',
       CASE WHEN n % 20 > 0 THEN 50 + n % 200 END, 1 + n % 5, n % 300, date '2019-12-07' - (n % 700)::int,
       CASE WHEN n % 7 > 0 THEN (n % 500) / 100.0 END, 1, n % 365, n % 9, NULL, date '2020-12-12'
FROM generate_series(1, {ROWS}) AS n
"""  # noqa: S608 - the number is a constant


@pytest.fixture(scope="session")
def databases() -> Mapping[str, str]:
    return {"insideairbnb": Path(os.environ["BENCH_SCHEMA"]).read_text()}


@pytest.fixture
def connections(harness_stack: Stack) -> Mapping[str, str]:
    s3 = harness_stack.minio.endpoint
    return {
        "locals3": f"aws://{s3.access_key}:{s3.secret_key}@/?endpoint_url={quote(s3.url, safe='')}",
        "inside_airbnb": harness_stack.postgres.url("insideairbnb"),
    }


@pytest.mark.parametrize("turn", range(int(os.environ["BENCH_TURNS"])))
def test_export(world: World, turn: int, note: Note) -> None:
    with world.sql("insideairbnb") as connection:
        connection.execute(FILL)
        connection.execute("VACUUM ANALYZE listings")

    run = world.run("million", "2021-01-01")
    note("operator", ROWS / run.xcoms["export", "return_value"])
    exported = world.read("export", "listings.csv")

    note("quoted", ROWS / run_script(world, "quoted"))
    header, rows = exported.split(b"\n", 1)
    assert header.count(b",") == 18
    assert world.read("export", "listings.csv") == rows, "the script writes the same bytes after the header"

    note("plain", ROWS / run_script(world, "plain"))


def run_script(world: World, which: str) -> float:
    """Run the plain script and return the seconds that it prints."""
    s3 = world.stack.minio.endpoint
    where = (s3.url.removeprefix("http://"), s3.access_key, s3.secret_key)
    command = [sys.executable, plain_copy.__file__, world.stack.postgres.url("insideairbnb"), *where, which]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
