import csv
import io
import json
import random
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from inside_airbnb.numbercruncher import numbercruncher
from inside_airbnb.numbercruncher.numbercruncher import connect, crunch

pytestmark = pytest.mark.filterwarnings("error")

BUCKET = "inside-airbnb"
Row = tuple[object, object, object]


class FakeMinio:
    """A bucket in memory with S3's non-recursive listing, in which a slash makes a folder."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects

    def list_objects(self, bucket: str, prefix: str) -> Iterator[SimpleNamespace]:
        assert bucket == BUCKET
        names = {name.partition("/")[0] + "/" if "/" in name else name for name in self.objects}
        for name in sorted(names):
            if name.startswith(prefix):
                yield SimpleNamespace(object_name=name, is_dir=name.endswith("/"))

    def get_object(self, bucket: str, name: str) -> SimpleNamespace:
        return SimpleNamespace(data=self.objects[name], close=lambda: None, release_conn=lambda: None)

    def put_object(self, bucket: str, name: str, data: io.BytesIO, length: int) -> None:
        self.objects[name] = data.read(length)


def listing_csv(rows: Iterable[Row]) -> bytes:
    """Write an export like PostgresToS3Operator, with a column that the cruncher ignores."""
    file = io.StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["id", "name", "price", "download_date"])
    writer.writerows((id_, 'A "nice",\nhouse 🏠', price, day) for id_, price, day in rows)
    return file.getvalue().encode()


def run_cruncher(*exports: Iterable[Row]) -> tuple[str, str]:
    client = FakeMinio({f"listing_{number}.csv": listing_csv(rows) for number, rows in enumerate(exports)})
    crunch(client)
    return (
        client.objects["results/biggest_increase.json"].decode(),
        client.objects["results/biggest_decrease.json"].decode(),
    )


def parse(body: str) -> list[dict[str, Any]]:
    return json.loads(body, parse_float=Decimal)


def round_half_away_from_zero(value: Fraction) -> Decimal:
    units = abs(value) * 10**10
    whole = units.numerator // units.denominator
    whole += units - whole >= Fraction(1, 2)
    return Decimal(-whole if value < 0 else whole) / 10**10


def compute_expected(rows: Iterable[Row]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Compute the same results with dictionaries and fractions."""
    prices: dict[int, dict[str, int]] = {}
    for id_, price, day in rows:
        if price != "":
            by_date = prices.setdefault(int(str(id_)), {})
            by_date[str(day)] = min(int(str(price)), by_date.get(str(day), int(str(price))))
    changes = []
    for id_, by_date in prices.items():
        first, last = min(by_date), max(by_date)
        if first != last:
            days = (date.fromisoformat(last) - date.fromisoformat(first)).days
            changes.append(
                (id_, first, last, by_date[first], by_date[last], Fraction(by_date[last] - by_date[first], days))
            )

    def milliseconds(day: str) -> int:
        return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1000

    def records(ordered: list[Any]) -> list[dict[str, Any]]:
        return [
            {
                "id": id_,
                "download_date_min": milliseconds(first),
                "download_date_max": milliseconds(last),
                "oldest_price": oldest,
                "latest_price": latest,
                "price_diff_per_day": round_half_away_from_zero(rate),
            }
            for id_, first, last, oldest, latest, rate in ordered[:5]
        ]

    return (
        records(sorted(changes, key=lambda change: (-change[5], change[0]))),
        records(sorted(changes, key=lambda change: (change[5], change[0]))),
    )


def create_exports(seed: int) -> list[list[Row]]:
    """Create exports with few ids, prices and days, and so with many ties and duplicates."""
    rng = random.Random(seed)
    start = date(2020, 11, 1)
    days = [start + timedelta(days=rng.randrange(200)) for _ in range(rng.randrange(1, 6))]
    ids = [rng.choice((1, 2**33)) * number for number in range(1, rng.randrange(2, 40))]
    rows: list[Row] = [
        (rng.choice(ids), rng.choice(("", *range(0, 400, 40), rng.randrange(10_000))), rng.choice(days).isoformat())
        for _ in range(rng.randrange(120))
    ]
    exports: list[list[Row]] = [[] for _ in range(rng.randrange(1, 5))]
    for row in rows + rng.sample(rows, len(rows) // 10):
        rng.choice(exports).append(row)
    return exports


@pytest.mark.parametrize("seed", range(40))
def test_the_results_equal_a_simple_computation(seed: int) -> None:
    exports = create_exports(seed)
    increase, decrease = run_cruncher(*exports)
    assert (parse(increase), parse(decrease)) == compute_expected(row for rows in exports for row in rows)


def test_the_bytes_of_a_known_sample() -> None:
    increase, decrease = run_cruncher([(1, 101, "2020-12-12")], [(1, 129, "2021-01-09")])
    assert increase == decrease
    assert increase == (
        '[{"id":1,"download_date_min":1607731200000,"download_date_max":1610150400000,'
        '"oldest_price":101,"latest_price":129,"price_diff_per_day":1.0}]'
    )


def test_without_exports_the_results_are_empty() -> None:
    assert run_cruncher() == ("[]", "[]")


def test_only_headers_give_empty_results() -> None:
    assert run_cruncher([], []) == ("[]", "[]")


def test_only_blank_prices_give_empty_results() -> None:
    assert run_cruncher([(1, "", "2021-01-01")], [(1, "", "2021-02-01")]) == ("[]", "[]")


def test_one_snapshot_gives_empty_results() -> None:
    assert run_cruncher([(1, 50, "2021-01-09"), (2, 60, "2021-01-09")]) == ("[]", "[]")


def test_an_export_without_rows_changes_nothing() -> None:
    data: list[list[Row]] = [[(1, 101, "2020-12-12")], [(1, 129, "2021-01-09")]]
    assert run_cruncher([], *data, []) == run_cruncher(*data)


def test_the_lowest_of_several_prices_on_a_date_counts() -> None:
    first: list[Row] = [(1, 100, "2021-01-01"), (1, 80, "2021-01-01"), (2, 50, "2021-01-01")]
    last: list[Row] = [(1, 90, "2021-01-11"), (1, 95, "2021-01-11"), (2, 40, "2021-01-11")]
    increase, decrease = (parse(body) for body in run_cruncher(first, last, first))
    assert [(row["id"], row["oldest_price"], row["latest_price"]) for row in increase] == [(1, 80, 90), (2, 50, 40)]
    assert decrease == increase[::-1]


def test_a_blank_price_is_ignored() -> None:
    increase, _ = run_cruncher(
        [(1, "", "2021-01-01"), (1, 10, "2021-01-02"), (1, 12, "2021-01-04"), (1, "", "2021-01-09")]
    )
    (row,) = parse(increase)
    assert (row["oldest_price"], row["latest_price"], row["price_diff_per_day"]) == (10, 12, Decimal("1.0"))


def test_ties_are_ordered_by_id_in_both_results() -> None:
    ids = [70, 5, 2**40, 12, 9, 33, 8]
    rows = [row for id_ in ids for row in ((id_, 10, "2021-01-01"), (id_, 20, "2021-01-31"))]
    increase, decrease = (parse(body) for body in run_cruncher(rows))
    assert [row["id"] for row in increase] == [5, 8, 9, 12, 33]
    assert decrease == increase


@pytest.mark.parametrize(
    ("difference", "days", "text"),
    [
        (1, 2048, "0.0004882813"),  # Exactly 0.00048828125, rounded half away from zero.
        (-1, 2048, "-0.0004882813"),
        (3, 2048, "0.0014648438"),
        (5, 2048, "0.0024414063"),
        (1, 3, "0.3333333333"),
        (-2, 3, "-0.6666666667"),
        (0, 7, "0.0"),
        (300, 3, "100.0"),
        (25, 10, "2.5"),
        (1, 20_000, "0.00005"),
        (2**31 - 1, 7, "306783378.1428571429"),
    ],
)
def test_ten_decimals_rounded_as_postgres_does(difference: int, days: int, text: str) -> None:
    base = max(0, -difference)
    last = date(1999, 1, 1) + timedelta(days=days)
    increase, _ = run_cruncher([(1, base, "1999-01-01"), (1, base + difference, last.isoformat())])
    assert increase.endswith(f'"price_diff_per_day":{text}}}]')


def test_only_exports_are_read_and_no_object_is_changed(capsys: pytest.CaptureFixture[str]) -> None:
    objects = {
        "listing_2021-01-01.csv": listing_csv([(1, 101, "2020-12-12")]),
        "listing-2021-02-01.csv": listing_csv([(1, 129, "2021-01-09")]),
        "listing_old/2019.csv": b"not read",
        "results/listing.csv": b"not read",
        "other.csv": b"not read",
    }
    client = FakeMinio(dict(objects))
    crunch(client, BUCKET, results="results/pyop_")
    written = {name: body.decode() for name, body in client.objects.items() if name not in objects}
    assert set(written) == {"results/pyop_biggest_increase.json", "results/pyop_biggest_decrease.json"}
    assert {name: client.objects[name] for name in objects} == objects
    assert capsys.readouterr().out.splitlines() == [
        f"Biggest increases: {written['results/pyop_biggest_increase.json']}",
        f"Biggest decreases: {written['results/pyop_biggest_decrease.json']}",
    ]


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        ("localhost:9000", "http://localhost:9000"),
        ("http://127.0.0.1:4711", "http://127.0.0.1:4711"),
        ("https://minio.example:9000/", "https://minio.example:9000"),
    ],
)
def test_endpoint_with_or_without_scheme(endpoint: str, url: str) -> None:
    assert connect(endpoint, "user", "password")._base_url._url.geturl() == url


def test_the_program_names_missing_variables() -> None:
    """The interpreter turns warnings into errors, also while it imports pandas and minio."""
    program = Path(numbercruncher.__file__)
    run = subprocess.run(
        [sys.executable, "-W", "error", program],
        env={"S3_ENDPOINT": "localhost:9000", "S3_SECRET_KEY": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == "Not set in the environment: S3_ACCESS_KEY, S3_SECRET_KEY\n"
