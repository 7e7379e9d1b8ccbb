"""The plain script that row 11 holds the operator against: COPY ... TO STDOUT, piped to the object as it comes.

Prints the seconds from its first connection to MinIO's last answer. Arguments: a libpq URL, MinIO's host:port, key,
secret, and which COPY: `plain` is the shortest there is, `quoted` makes the operator's very bytes, but for the header.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import psycopg
from minio import Minio

PART = 16 * 1024 * 1024
PLAIN = "COPY (SELECT * FROM listings) TO STDOUT (FORMAT csv, HEADER)"
COLUMNS = "SELECT column_name FROM information_schema.columns WHERE table_name = 'listings' ORDER BY ordinal_position"


class Pipe:
    """Blocks of a COPY as a file to read from."""

    def __init__(self, blocks: Iterator[bytes | memoryview]) -> None:
        self._blocks, self._left = blocks, b""

    def read(self, size: int) -> bytes:
        pieces, length = [self._left], len(self._left)
        while length < size and (block := next(self._blocks, None)):
            pieces.append(bytes(block))
            length += len(block)
        got = b"".join(pieces)
        self._left = got[size:]
        return got[:size]


def quoted(cursor: psycopg.Cursor) -> str:
    """NULL as two quotes, which no option of COPY gives."""
    fields = ", ".join(f"coalesce({name}::text, '')" for (name,) in cursor.execute(COLUMNS))
    return f"COPY (SELECT {fields} FROM listings) TO STDOUT (FORMAT csv, FORCE_QUOTE *)"  # noqa: S608


def main(dsn: str, endpoint: str, key: str, secret: str, which: str) -> None:
    began = time.monotonic()
    client = Minio(endpoint, key, secret, secure=False)
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        statement = PLAIN if which == "plain" else quoted(cursor)
        with cursor.copy(statement.encode()) as blocks:
            client.put_object("export", "listings.csv", Pipe(iter(blocks)), -1, part_size=PART)  # type: ignore[arg-type]
    print(time.monotonic() - began)


if __name__ == "__main__":
    main(*sys.argv[1:])
