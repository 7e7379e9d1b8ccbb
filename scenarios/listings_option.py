"""The option --listings DIR, and a fixture for generated and real listings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import World
from scenarios.listings import ListingsError, create_listings, load, load_files

Seed = Callable[[World], list[dt.date]]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("chapter", "The chapter's data").addoption(
        "--listings",
        metavar="DIR",
        help="folder of Inside Airbnb files (.csv or .csv.gz with the download date in the name)",
    )


@pytest.fixture(params=["generated", "real"])
def two_snapshots(request: pytest.FixtureRequest) -> Seed:
    """A function that loads two or more snapshots of listings and returns their dates."""
    if request.param == "generated":
        return _generated
    folder = request.config.getoption("--listings")
    if folder is None:
        pytest.skip("not run: give --listings DIR, a folder of real Inside Airbnb files")
    return lambda world: _from_files(world, Path(folder))


def _generated(world: World) -> list[dt.date]:
    # The dates are 35 days apart; 30 listings appear twice on the second date, at different prices.
    first, second = dt.date(2020, 12, 12), dt.date(2021, 1, 16)
    with world.sql("insideairbnb") as connection:
        load(connection, {first: create_listings(60, seed=1), second: create_listings(80, seed=2)[10:]})
        load(connection, {second: create_listings(30, seed=3)})
    return [first, second]


def _from_files(world: World, folder: Path) -> list[dt.date]:
    with world.sql("insideairbnb") as connection:
        days = load_files(connection, folder)
    if len(days) < 2:
        raise ListingsError(f"--listings {folder} has only the snapshot {days[0]}. Add at least one more.")
    return days
