"""Files of listings: the accepted formats, and errors of one line that name the file."""

from __future__ import annotations

import datetime as dt
import gzip
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from harness.services.stack import Stack
from scenarios.listings import COLUMNS, COLUMNS_UNTIL_2021, ListingsError, create_listings, load_files

pytestmark = pytest.mark.engine

ROW_16 = (
    '2818,"Quiet, ""garden"" view\nsecond line",3159,Daniel,,Oud-Oost,52.36,4.94,'
    "Private room,59,3,278,2020-02-14,2.06,1,169"
)
ROW_18 = "1000000000001,Loft ⛵,3159,Daniel,,Oud-Oost,52.36,-122.41941550000001,Entire home/apt,,3,0,,,1,169,5,0363 ABC"


@pytest.fixture
def connection(harness_stack: Stack) -> Iterator[psycopg.Connection]:
    harness_stack.postgres.reset()
    with harness_stack.postgres.connect("insideairbnb") as connection:
        yield connection


def write_csv(folder: Path, name: str, columns: tuple[str, ...], *rows: str) -> bytes:
    content = "\n".join([",".join(columns), *rows, ""]).encode()
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return content


def test_old_and_new_columns_plain_and_compressed(connection: psycopg.Connection, tmp_path: Path) -> None:
    write_csv(tmp_path, "listings-2020-05-08.csv.gz", COLUMNS_UNTIL_2021, ROW_16)
    write_csv(tmp_path, "20250302-listings.csv", COLUMNS, ROW_18)

    assert load_files(connection, tmp_path) == [dt.date(2020, 5, 8), dt.date(2025, 3, 2)]

    rows = connection.execute(
        "SELECT id, name, price, longitude::text, license, download_date FROM listings ORDER BY id"
    ).fetchall()
    assert rows == [
        (2818, 'Quiet, "garden" view\nsecond line', 59, "4.9400000000000000", None, dt.date(2020, 5, 8)),
        (1000000000001, "Loft ⛵", None, "-122.4194155000000100", "0363 ABC", dt.date(2025, 3, 2)),
    ]


@pytest.mark.parametrize(
    ("name", "columns", "row", "message"),
    [
        ("listings.csv", COLUMNS, ROW_18, "no date in the file's name"),
        ("listings-2021-13-09.csv", COLUMNS, ROW_18, "no date in the file's name"),
        ("2021-04-09.csv", (*COLUMNS_UNTIL_2021[:-1], "availability"), ROW_16, "availability, availability_365"),
        ("2021-04-09.csv", COLUMNS_UNTIL_2021[::-1], ROW_16, "listings.csv: their order"),
        ("2021-04-09.csv", COLUMNS_UNTIL_2021, ROW_16 + ",9", "line 3 has 17 fields, not 16"),
        ("2021-04-09.csv", COLUMNS_UNTIL_2021, ROW_16.replace("2020-02-14", "14/30/2020"), "last_review"),
        ("2021-04-09.csv", COLUMNS_UNTIL_2021, ROW_16.replace(",59,", ",$59,"), 'type integer: "$59"'),
        ("2021-04-09.csv.gz", COLUMNS, "\n".join([ROW_18] * 500), "truncated"),
    ],
)
def test_an_invalid_file_is_an_error(
    connection: psycopg.Connection, tmp_path: Path, name: str, columns: tuple[str, ...], row: str, message: str
) -> None:
    write_csv(tmp_path, name, columns, row)
    if message == "truncated":
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])

    with pytest.raises(ListingsError) as caught:
        load_files(connection, tmp_path)

    assert str(caught.value).startswith(str(tmp_path / name))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert connection.execute("SELECT count(*) FROM listings").fetchone() == (0,)


def test_two_files_with_one_date_are_an_error(connection: psycopg.Connection, tmp_path: Path) -> None:
    for name in ("2021-04-09-a.csv", "2021-04-09-b.csv"):
        write_csv(tmp_path, name, COLUMNS, ROW_18)
    with pytest.raises(ListingsError, match="have the same date, 2021-04-09: remove one of them"):
        load_files(connection, tmp_path)


def test_a_byte_order_mark_and_an_upper_case_suffix_are_accepted(
    connection: psycopg.Connection, tmp_path: Path
) -> None:
    content = write_csv(tmp_path, "unused", COLUMNS, ROW_18)
    (tmp_path / "2021-04-09.CSV").write_bytes(b"\xef\xbb\xbf" + content)
    assert load_files(connection, tmp_path) == [dt.date(2021, 4, 9)]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty. Download the file again."), (b"\xff\xfe", "not UTF-8 text"), (None, "has a NUL byte")],
)
def test_other_content_is_an_error(
    connection: psycopg.Connection, tmp_path: Path, content: bytes | None, message: str
) -> None:
    if content is None:
        content = write_csv(tmp_path, "unused", COLUMNS, ROW_18.replace("Loft", "L\0ft"))
    (tmp_path / "2021-04-09.csv").write_bytes(content)
    with pytest.raises(ListingsError) as caught:
        load_files(connection, tmp_path)
    assert message in str(caught.value)


def test_a_missing_folder_or_a_file_is_an_error(connection: psycopg.Connection, tmp_path: Path) -> None:
    with pytest.raises(ListingsError, match="does not exist: give a folder"):
        load_files(connection, tmp_path / "nowhere")
    file = tmp_path / "2021-04-09.csv"
    file.touch()
    with pytest.raises(ListingsError, match="is not a folder"):
        load_files(connection, file)


def test_a_folder_without_listings_is_an_error(connection: psycopg.Connection, tmp_path: Path) -> None:
    with pytest.raises(ListingsError, match=r"has no \.csv or \.csv\.gz file"):
        load_files(connection, tmp_path)


def test_equal_seeds_give_equal_listings() -> None:
    assert create_listings(50, seed=3) == create_listings(50, seed=3) != create_listings(50, seed=4)
