"""Inside Airbnb's listings: load real files into Postgres, and generate small ones."""

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
    """An invalid listings file."""


@dataclass(frozen=True)
class Listing:
    """A row of Inside Airbnb's `visualisations/listings.csv` with its current 18 columns.

    None is NULL.
    """

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

# Names that often break exports: separators, quotes, every kind of line break, emoji, COPY's end-of-data marker.
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


def create_listings(count: int, seed: int = 7) -> list[Listing]:
    """Create listings with random prices, equal for equal seeds. Some ids exceed 32 bits."""
    rng = random.Random(seed)
    return [
        Listing(
            id=(2**33 if number % 5 == 0 else 2818) + number,
            name=AWKWARD_NAMES[number % len(AWKWARD_NAMES)],
            # Few different prices make many ties; a few listings have no price.
            price=None if rng.random() < 0.05 else rng.choice((50, 60, 75, 100, 160, 250)),
            last_review=dt.date(2019, 12, 7) if number % 3 else None,
            reviews_per_month="0.37" if number % 2 else None,
        )
        for number in range(count)
    ]


def load(connection: psycopg.Connection, snapshots: Mapping[dt.date, Iterable[Listing]]) -> None:
    """Insert snapshots into the listings table, each with its download date."""
    with connection.cursor() as cursor:
        for day, listings in snapshots.items():
            with cursor.copy(_copy(COLUMNS)) as copy:
                for listing in listings:
                    copy.write_row((*astuple(listing), day))


def load_files(connection: psycopg.Connection, folder: Path) -> list[dt.date]:
    """Load every `*.csv` and `*.csv.gz` of a folder; return the dates in their names, sorted.

    The files have either the 16 columns in use until 2021 or the current 18. Raises ListingsError.
    """
    files: dict[dt.date, Path] = {}
    for file in _files(folder):
        day = _day(file)
        if day in files:
            raise ListingsError(f"{files[day]} and {file} have the same date, {day}: remove one of them")
        files[day] = file
    for day, file in files.items():
        _load_file(connection, file, day)
    return sorted(files)


def _files(folder: Path) -> list[Path]:
    advice = "give a folder of Inside Airbnb listings"
    with _naming_errors(folder):
        if not folder.exists():
            raise ListingsError(f"{folder} does not exist: {advice}")
        if not folder.is_dir():
            raise ListingsError(f"{folder} is not a folder: {advice}")
        files = sorted(file for file in folder.iterdir() if file.name.lower().endswith((".csv", ".csv.gz")))
    if not files:
        raise ListingsError(f"{folder} has no .csv or .csv.gz file: {advice}")
    return files


def _load_file(connection: psycopg.Connection, file: Path, day: dt.date) -> None:
    with _naming_errors(file), _open(file) as text, connection.cursor() as cursor:
        rows = csv.reader(text)
        header = next(rows, None)
        if header is None:
            raise ListingsError(f"{file} is empty. Download the file again.")
        columns = tuple(header)
        if columns not in (COLUMNS, COLUMNS_UNTIL_2021):
            difference = ", ".join(sorted(set(columns) ^ set(COLUMNS_UNTIL_2021))) or "their order"
            raise ListingsError(
                f"{file}: the columns differ from Inside Airbnb's visualisations/listings.csv: "
                f"{textwrap.shorten(difference, 400)}"
            )
        with cursor.copy(_copy(columns)) as copy:
            for row in rows:
                if len(row) != len(columns):
                    raise ListingsError(f"{file}: line {rows.line_num} has {len(row)} fields, not {len(columns)}")
                if any("\0" in value for value in row):
                    raise ListingsError(f"{file}: line {rows.line_num} has a NUL byte, which Postgres rejects")
                copy.write_row((*(value or None for value in row), day))


def _copy(columns: Iterable[str]) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, (*columns, "download_date")))
    return sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(TABLE), names)


def _day(file: Path) -> dt.date:
    match = re.search(r"\d{4}-?\d{2}-?\d{2}", file.name)
    try:
        return dt.date.fromisoformat(match[0] if match else "")
    except ValueError as error:
        raise ListingsError(
            f"{file}: no date in the file's name. Add the date of the download, such as 2021-04-09."
        ) from error


@contextmanager
def _open(file: Path) -> Iterator[IO[str]]:
    compressed = file.suffix.lower() == ".gz"
    # "-sig" drops the byte order mark that spreadsheets write before the first column's name.
    encoding = "utf-8-sig"
    with (
        gzip.open(file, "rt", encoding=encoding, newline="")
        if compressed
        else file.open(encoding=encoding, newline="") as text
    ):
        yield text


@contextmanager
def _naming_errors(file: Path) -> Iterator[None]:
    """Turn errors of reading a file into a ListingsError of one line that names the file."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ListingsError(
            f"{file}: the gzip data is truncated or damaged ({error}). Download the file again."
        ) from error
    except UnicodeDecodeError as error:
        raise ListingsError(f"{file}: not UTF-8 text ({error})") from error
    except csv.Error as error:
        raise ListingsError(f"{file}: not CSV ({error})") from error
    except psycopg.DataError as error:
        position = (error.diag.context or "").split("COPY listings, ")[-1]
        raise ListingsError(f"{file}: {error.diag.message_primary} ({position})") from error
    except OSError as error:
        raise ListingsError(f"{file}: unreadable ({error.strerror})") from error
