"""Inside Airbnb's listings: loading files of theirs into Postgres, and making up small ones."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import random
import re
import textwrap
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import IO

import psycopg
from psycopg import sql

from harness import HarnessError

TABLE = "listings"


class ListingsError(HarnessError):
    """A listings file can't be loaded."""


@dataclass(frozen=True)
class Listing:
    """A row of Inside Airbnb's `visualisations/listings.csv`, the 18 columns of today. None is NULL."""

    id: int
    name: str | None
    host_id: int = 1
    host_name: str | None = "Host"
    neighbourhood_group: str | None = None
    neighbourhood: str | None = "Centrum-West"
    latitude: str = "52.3702160000000000"
    longitude: str = "4.8951680000000000"
    room_type: str = "Private room"
    price: int | None = 100
    minimum_nights: int = 2
    number_of_reviews: int = 3
    last_review: dt.date | None = None
    reviews_per_month: str | None = None
    calculated_host_listings_count: int = 1
    availability_365: int = 90
    number_of_reviews_ltm: int | None = None
    license: str | None = None


COLUMNS = tuple(field.name for field in fields(Listing))
COLUMNS_UNTIL_2021 = COLUMNS[:16]

# Names that have broken exports before: separators, quotes, every kind of line break, emoji, COPY's own end mark.
AWKWARD_NAMES = (
    "Canal view, 2 rooms",
    'The "Golden" Age loft',
    "Line\nbreak",
    "Carriage\r\nreturn",
    "Houseboat ⛵ 🏡",
    "\\.",
    "",
    None,
    "'; DROP TABLE listings; --",
)

# The chapter's eight snapshots.
SNAPSHOT_DATES = tuple(
    dt.date.fromisoformat(day)
    for day in (
        *("2020-12-12", "2021-01-09", "2021-02-08", "2021-03-04"),
        *("2021-04-09", "2021-05-19", "2021-06-03", "2021-07-04"),
    )
)


def made_up(count: int, seed: int = 7) -> list[Listing]:
    """`count` listings with prices drawn anew; the same for the same seed. Ids reach beyond 32 bits."""
    drawn = random.Random(seed)
    return [
        Listing(
            id=(2**33 if number % 5 == 0 else 2818) + number,
            name=AWKWARD_NAMES[number % len(AWKWARD_NAMES)],
            # Few different prices, so that ties are the rule; now and then none at all.
            price=None if drawn.random() < 0.05 else drawn.choice((50, 60, 75, 100, 160, 250)),
            last_review=dt.date(2019, 12, 7) if number % 3 else None,
            reviews_per_month="0.37" if number % 2 else None,
        )
        for number in range(count)
    ]


def load(connection: psycopg.Connection, snapshots: Mapping[dt.date, Iterable[Listing]]) -> None:
    """Puts snapshots into the listings table, each under its download date."""
    with connection.cursor() as cursor:
        for day, listings in snapshots.items():
            with cursor.copy(_copy(COLUMNS)) as copy:
                for listing in listings:
                    copy.write_row((*astuple(listing), day))


def load_files(connection: psycopg.Connection, folder: Path) -> list[dt.date]:
    """Loads every `*.csv` and `*.csv.gz` of the folder under the date in its name; returns the dates, in order.

    Takes the 16 columns of the files until 2021 and today's 18. Raises ListingsError.
    """
    files: dict[dt.date, Path] = {}
    for file in _files(folder):
        day = _day(file)
        if day in files:
            raise ListingsError(f"{files[day]} and {file} are both of {day}: leave one of them in the folder")
        files[day] = file
    for day, file in files.items():
        _load_file(connection, file, day)
    return sorted(files)


def _files(folder: Path) -> list[Path]:
    give = "give a folder of Inside Airbnb listings"
    with _told_of(folder):
        if not folder.exists():
            raise ListingsError(f"{folder} does not exist: {give}")
        if not folder.is_dir():
            raise ListingsError(f"{folder} is not a folder: {give}")
        files = sorted(file for file in folder.iterdir() if file.name.lower().endswith((".csv", ".csv.gz")))
    if not files:
        raise ListingsError(f"{folder} holds no .csv or .csv.gz file: {give}")
    return files


def _load_file(connection: psycopg.Connection, file: Path, day: dt.date) -> None:
    with _told_of(file), _opened(file) as text, connection.cursor() as cursor:
        rows = csv.reader(text)
        header = next(rows, None)
        if header is None:
            raise ListingsError(f"{file} is empty: download it again")
        columns = tuple(header)
        if columns not in (COLUMNS, COLUMNS_UNTIL_2021):
            odd = ", ".join(sorted(set(columns) ^ set(COLUMNS_UNTIL_2021))) or "their order"
            raise ListingsError(
                f"{file}: not the columns of Inside Airbnb's visualisations/listings.csv "
                f"(look at: {textwrap.shorten(odd, 400)})"
            )
        with cursor.copy(_copy(columns)) as copy:
            for row in rows:
                if len(row) != len(columns):
                    raise ListingsError(f"{file}: line {rows.line_num} has {len(row)} fields, not {len(columns)}")
                if any("\0" in value for value in row):
                    raise ListingsError(f"{file}: line {rows.line_num} holds a NUL byte, which Postgres does not take")
                copy.write_row((*(value or None for value in row), day))


def _copy(columns: Iterable[str]) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, (*columns, "download_date")))
    return sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(TABLE), names)


def _day(file: Path) -> dt.date:
    found = re.search(r"\d{4}-?\d{2}-?\d{2}", file.name)
    try:
        return dt.date.fromisoformat(found[0] if found else "")
    except ValueError as error:
        raise ListingsError(f"{file}: its name holds no date such as 2021-04-09, the day it was downloaded") from error


@contextmanager
def _opened(file: Path) -> Iterator[IO[str]]:
    packed = file.suffix.lower() == ".gz"
    # "-sig": a byte order mark, as spreadsheets write it, is not part of the first column's name.
    encoding = "utf-8-sig"
    with (
        gzip.open(file, "rt", encoding=encoding, newline="")
        if packed
        else file.open(encoding=encoding, newline="") as text
    ):
        yield text


@contextmanager
def _told_of(file: Path) -> Iterator[None]:
    """What can be wrong with a file, as one line that names it."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ListingsError(f"{file}: the gzip data is cut off or broken ({error}): download it again") from error
    except UnicodeDecodeError as error:
        raise ListingsError(f"{file}: not a text in UTF-8 ({error})") from error
    except csv.Error as error:
        raise ListingsError(f"{file}: can't be read as CSV ({error})") from error
    except psycopg.DataError as error:
        where = (error.diag.context or "").split("COPY listings, ")[-1]
        raise ListingsError(f"{file}: {error.diag.message_primary} ({where})") from error
    except OSError as error:
        raise ListingsError(f"{file}: can't be read ({error.strerror})") from error
