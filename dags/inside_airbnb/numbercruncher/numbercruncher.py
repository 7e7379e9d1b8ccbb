"""
Find the listings whose prices rose and fell fastest over all exported months.

The module runs in two places: in the worker, imported by inside_airbnb.py, and as the program of the image that
inside_airbnb_docker.py starts. So it imports only packages of that image.
"""

import io
import os
import sys
from decimal import ROUND_HALF_UP, Decimal
from urllib.parse import urlsplit

import pandas as pd
from minio import Minio

BUCKET = "inside-airbnb"
PREFIX = "listing"
TOP = 5
# Nullable types keep a blank price a missing integer, and give a file without rows the same types.
COLUMNS = {"id": "Int64", "price": "Int64", "download_date": "str"}


def connect(endpoint: str, access_key: str, secret_key: str) -> Minio:
    """Create a client for an endpoint: a URL or, without TLS, host:port."""
    url = urlsplit(endpoint if "//" in endpoint else f"//{endpoint}")
    return Minio(url.netloc, access_key=access_key, secret_key=secret_key, secure=url.scheme == "https")


def crunch(client: Minio, bucket: str = BUCKET, results: str = "results/") -> None:
    """Read every export in the bucket; print and store the biggest increases and decreases."""
    names = [entry.object_name for entry in client.list_objects(bucket, prefix=PREFIX) if not entry.is_dir]
    changes = price_changes([read_object(client, bucket, name) for name in names])
    for word, ascending in (("increase", False), ("decrease", True)):
        body = to_json(biggest(changes, ascending=ascending))
        print(f"Biggest {word}s: {body}")
        data = body.encode()
        client.put_object(bucket, f"{results}biggest_{word}.json", io.BytesIO(data), len(data))


def read_object(client: Minio, bucket: str, name: str) -> pd.DataFrame:
    response = client.get_object(bucket, name)
    try:
        return read_listings(response.data)
    finally:
        response.close()
        response.release_conn()


def read_listings(data: bytes) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(data), usecols=list(COLUMNS), dtype=COLUMNS)


def price_changes(exports: list[pd.DataFrame]) -> pd.DataFrame:
    """
    Return the first and last price of each listing that has prices on two or more dates.

    Of several prices on one date the lowest counts.
    """
    no_rows = read_listings(",".join(COLUMNS).encode())
    listings = pd.concat([no_rows, *exports], ignore_index=True).dropna()
    days = pd.to_datetime(listings["download_date"], format="%Y-%m-%d").dt.as_unit("ms")
    by_date = listings.assign(download_date=days).groupby(["id", "download_date"], as_index=False)["price"].min()
    changes = by_date.groupby("id", as_index=False).agg(  # The rows of a group are sorted by date.
        download_date_min=("download_date", "first"),
        download_date_max=("download_date", "last"),
        oldest_price=("price", "first"),
        latest_price=("price", "last"),
    )
    changes["difference"] = changes["latest_price"] - changes["oldest_price"]
    changes["days"] = (changes["download_date_max"] - changes["download_date_min"]).dt.days
    return changes[changes["days"] > 0]


def biggest(changes: pd.DataFrame, *, ascending: bool) -> pd.DataFrame:
    """Return the first five by change per day, ties by id."""
    # As float64, quotients of integers of this size are equal exactly if the exact quotients are.
    return (
        changes.assign(per_day=changes["difference"] / changes["days"])
        .sort_values(["per_day", "id"], ascending=[ascending, True])
        .head(TOP)
    )


def to_json(changes: pd.DataFrame) -> str:
    """Format compact JSON: dates in epoch milliseconds, changes per day with 10 decimals."""
    # The json module has no exact decimals. All values are numbers, so no value needs escaping.
    records = (
        {
            "id": row.id,
            "download_date_min": epoch_milliseconds(row.download_date_min),
            "download_date_max": epoch_milliseconds(row.download_date_max),
            "oldest_price": row.oldest_price,
            "latest_price": row.latest_price,
            "price_diff_per_day": quotient(int(row.difference), int(row.days)),
        }
        for row in changes.itertuples()
    )
    objects = ("{" + ",".join(f'"{name}":{value}' for name, value in record.items()) + "}" for record in records)
    return "[" + ",".join(objects) + "]"


def epoch_milliseconds(moment: pd.Timestamp) -> int:
    return (moment - pd.Timestamp(0)) // pd.Timedelta(milliseconds=1)


def quotient(difference: int, days: int) -> str:
    """Round half away from zero, as Postgres rounds numeric. Rounding a float could differ."""
    rounded = (Decimal(difference) / days).quantize(Decimal("1e-10"), ROUND_HALF_UP)
    text = f"{rounded.normalize():f}"
    return text if "." in text else f"{text}.0"


def main() -> None:
    names = ("S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY")
    if missing := [name for name in names if not os.environ.get(name)]:
        sys.exit(f"Not set in the environment: {', '.join(missing)}")
    crunch(connect(*(os.environ[name] for name in names)))


if __name__ == "__main__":
    main()
