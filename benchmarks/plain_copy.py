"""The baseline of row 11: a plain script that pipes COPY ... TO STDOUT to an object.

Prints the seconds from its first connection to MinIO's last response. Arguments: a libpq URL, MinIO's host:port, key,
secret, and the form of COPY: `plain` is the shortest, `quoted` writes the operator's bytes without the header.
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
    """A readable file of the blocks of a COPY."""

    def __init__(self, blocks: Iterator[bytes | memoryview]) -> None:
        self._blocks, self._left = blocks, b""

    def read(self, size: int) -> bytes:
        pieces, length = [self._left], len(self._left)
        while length < size and (block := next(self._blocks, None)):
            pieces.append(bytes(block))
            length += len(block)
        content = b"".join(pieces)
        self._left = content[size:]
        return content[:size]


def format_quoted_copy(cursor: psycopg.Cursor) -> str:
    """Return the COPY that writes NULL as two quotes, for which COPY has no option."""
    fields = ", ".join(f"coalesce({name}::text, '')" for (name,) in cursor.execute(COLUMNS))
    return f"COPY (SELECT {fields} FROM listings) TO STDOUT (FORMAT csv, FORCE_QUOTE *)"  # noqa: S608


def main(dsn: str, endpoint: str, key: str, secret: str, which: str) -> None:
    began = time.monotonic()
    client = Minio(endpoint, key, secret, secure=False)
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        statement = PLAIN if which == "plain" else format_quoted_copy(cursor)
        with cursor.copy(statement.encode()) as blocks:
            client.put_object("export", "listings.csv", Pipe(iter(blocks)), -1, part_size=PART)  # type: ignore[arg-type]
    print(time.monotonic() - began)


if __name__ == "__main__":
    main(*sys.argv[1:])
