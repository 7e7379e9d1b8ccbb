"""The option --listings DIR, and the two sources of listings that scenarios run on: made up, and real."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import World
from scenarios.listings import ListingsError, load, load_files, made_up

Seed = Callable[[World], list[dt.date]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("chapter", "The chapter's data").addoption(
        "--listings",
        metavar="DIR",
        help="real Inside Airbnb files (.csv or .csv.gz, the download date in the name)",
    )


@pytest.fixture(params=["made-up", "real"])
def two_snapshots(request: pytest.FixtureRequest) -> Seed:
    """Puts at least two snapshots into the listings table and returns their dates."""
    if request.param == "made-up":
        return _made_up
    given = request.config.getoption("--listings")
    if given is None:
        pytest.skip("not run: give --listings DIR, a folder of real Inside Airbnb files")
    return lambda world: _from_files(world, Path(given))


def _made_up(world: World) -> list[dt.date]:
    # 35 days apart and 30 listings that appear twice on the second date, at another price.
    first, second = dt.date(2020, 12, 12), dt.date(2021, 1, 16)
    with world.sql("insideairbnb") as connection:
        load(connection, {first: made_up(60, seed=1), second: made_up(80, seed=2)[10:]})
        load(connection, {second: made_up(30, seed=3)})
    return [first, second]


def _from_files(world: World, folder: Path) -> list[dt.date]:
    with world.sql("insideairbnb") as connection:
        days = load_files(connection, folder)
    if len(days) < 2:
        raise ListingsError(f"--listings {folder} needs at least two snapshots: it holds {days[0]} alone")
    return days
