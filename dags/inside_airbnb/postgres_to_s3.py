"""Copy the result of a Postgres query to S3 as CSV, every field quoted, in bounded memory."""

import csv
import io
from collections.abc import Sequence
from contextlib import closing
from tempfile import TemporaryFile
from typing import IO, Any, ClassVar

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.postgres.hooks.postgres import PostgresHook
from sqlparse import tokens
from sqlparse.lexer import tokenize

try:
    from airflow.sdk import BaseOperator
except ImportError:  # Airflow 2
    from airflow.models import BaseOperator


class PostgresToS3Operator(BaseOperator):
    """
    Write a query's result to an S3 object as CSV with every field quoted.

    The bytes equal those of `csv.writer(QUOTE_ALL, lineterminator="\\n")`. Postgres writes the CSV
    (COPY) row by row to a temporary file, which is uploaded in parts. Values have Postgres's text form, NULL is an
    empty field, and the first line has the column names.

    :param postgres_conn_id: connection to read from
    :param query: one SELECT, templated; may end with semicolons and comments
    :param s3_conn_id: connection to write to
    :param s3_bucket: bucket of the object
    :param s3_key: key of the object, templated; an existing object is replaced
    """

    template_fields: Sequence[str] = ("query", "s3_key")
    template_fields_renderers: ClassVar[dict[str, str]] = {"query": "sql"}

    def __init__(
        self,
        *,
        postgres_conn_id: str,
        query: str,
        s3_conn_id: str,
        s3_bucket: str,
        s3_key: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.postgres_conn_id = postgres_conn_id
        self.query = query
        self.s3_conn_id = s3_conn_id
        self.s3_bucket = s3_bucket
        self.s3_key = s3_key

    def execute(self, context: Any) -> None:
        self.log.info("Query: %s", self.query)
        with TemporaryFile() as export:
            rows = self._export(export)
            size = export.tell()
            export.seek(0)
            # Without threads one part at a time is in memory; with threads it would be a hundred megabytes.
            s3 = S3Hook(aws_conn_id=self.s3_conn_id, transfer_config_args={"use_threads": False})
            s3.load_file_obj(export, key=self.s3_key, bucket_name=self.s3_bucket, replace=True)
        self.log.info("Wrote %d rows (%d bytes) to s3://%s/%s", rows, size, self.s3_bucket, self.s3_key)

    def _export(self, export: IO[bytes]) -> int:
        """Write header and rows; return the number of rows."""
        query = without_end(self.query)
        hook = PostgresHook(postgres_conn_id=self.postgres_conn_id)
        with closing(hook.get_conn()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute("SET datestyle TO ISO")
            cursor.execute(f"SELECT * FROM (\n{query}\n) AS result LIMIT 0")  # noqa: S608
            columns = [column.name for column in cursor.description]
            export.write(csv_header(columns))
            copy_to(cursor, csv_copy(query, len(columns)), export)
            return int(cursor.rowcount)


def without_end(query: str) -> str:
    """Remove trailing semicolons, comments and blanks, so that the query fits in parentheses."""
    pieces = list(tokenize(query))
    while pieces and (pieces[-1][0] in tokens.Whitespace or pieces[-1][0] in tokens.Comment or pieces[-1][1] == ";"):
        pieces.pop()
    return "".join(text for _, text in pieces)


def csv_header(columns: Sequence[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(columns)
    return line.getvalue().encode()


def csv_copy(query: str, columns: int) -> str:
    """
    Return the COPY statement for a query with that many columns.

    FORCE_QUOTE leaves NULL unquoted, hence the coalesce. The columns are renamed, because the query's names may
    need quoting or occur twice.
    """
    names = [f"c{number}" for number in range(columns)]
    fields = ", ".join(f"coalesce({name}::text, '')" for name in names)
    return (
        f"COPY (SELECT {fields} FROM (\n{query}\n) AS result ({', '.join(names)}))"  # noqa: S608
        " TO STDOUT (FORMAT csv, FORCE_QUOTE *, ENCODING 'UTF8')"
    )


def copy_to(cursor: Any, statement: str, file: IO[bytes]) -> None:
    """Run COPY with the hook's driver, psycopg 3 (Airflow 3) or psycopg2 (Airflow 2.11)."""
    if hasattr(cursor, "copy_expert"):
        cursor.copy_expert(statement, file)
    else:
        with cursor.copy(statement) as rows:
            file.writelines(rows)
