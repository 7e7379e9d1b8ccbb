"""Summarise an object that holds a table: CSV, JSON, JSON lines or Parquet."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice, zip_longest
from typing import IO, Any, Literal

from harness.evidence.document import TabularSummary

Format = Literal["csv", "json", "json lines", "parquet"]
SUFFIXES: Mapping[str, Format] = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "json lines",
    ".ndjson": "json lines",
    ".parquet": "parquet",
}
TYPES: Mapping[str, Format] = {
    "text/csv": "csv",
    "application/json": "json",
    "application/x-ndjson": "json lines",
    "application/jsonl": "json lines",
}
LOOKED_AT = 100_000
"""Rows that have a digest and whose values decide on the types of the columns; later rows are only counted."""
LARGEST_JSON = 64 << 20
"""Bytes of the largest JSON document that is parsed, because the standard library can't read one in parts."""
SAMPLE = 8192
"""Bytes of a CSV file's first line that are searched for its delimiter."""
DELIMITERS = ",;\t|"
BLOCK = 1000
"""Rows of a CSV file whose columns are matched together."""
# Each value ends with a NUL. A number with a zero in front of it is a text, because the zero would be lost.
COLUMNS = {
    "integer": re.compile(r"(?:-?(?:0|[1-9]\d*)\0)*+"),
    "number": re.compile(r"(?:-?(?!0\d)(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\0)*+"),
    "boolean": re.compile(r"(?:(?:true|false)\0)*+", re.IGNORECASE),
}


class NoTableError(Exception):
    """The content has no table; the message says why."""


def find_format(key: str, content_type: str | None) -> Format | None:
    """Return the format by the key's suffix, else by the content type."""
    by_suffix = next((found for suffix, found in SUFFIXES.items() if key.lower().endswith(suffix)), None)
    return by_suffix or TYPES.get((content_type or "").partition(";")[0].strip().lower())


def summarise(content: IO[bytes], form: Format, size: int) -> TabularSummary:
    """Return columns, types and row digests of the content, which is read once.

    Raises NoTableError.
    """
    try:
        if form == "csv":
            return _Table("csv").add_texts(_read_csv(content))
        if form == "parquet":
            return _Table("parquet").add_records(_read_parquet(content))
        if form == "json":
            if size > LARGEST_JSON:
                raise NoTableError(f"JSON of more than {LARGEST_JSON >> 20} MiB is not parsed")
            text = content.read()
            try:
                return _Table("json").add_records(_list_records(json.loads(text)))
            except json.JSONDecodeError:  # pandas writes JSON lines into a file that is named .json
                content = io.BytesIO(text)
        return _Table("json lines").add_records(chain.from_iterable(map(_list_record, _read_lines(content))))
    except (ValueError, csv.Error, RecursionError) as error:
        raise NoTableError(f"it is not {form.upper() if form != 'parquet' else form}: {error}") from error


class _Table:
    """Columns, types and digests of the rows so far."""

    def __init__(self, form: Format) -> None:
        self._form: Format = form
        self._columns: dict[str, str] = {}
        self._rows = 0
        self._digests: list[str] = []

    def add_texts(self, rows: Iterator[list[str]]) -> TabularSummary:
        """Add rows of a CSV file, of which the first one has the names."""
        header = next(rows, None)
        if header is None:
            raise NoTableError("it is empty")
        names = _name_columns(header)
        types: list[str] = []
        rows = filter(None, rows)  # without empty lines
        while block := list(islice(rows, min(BLOCK, LOOKED_AT - self._rows))):
            for number, texts in enumerate(zip_longest(*block, fillvalue="")):
                if number == len(types):
                    types.append("null")
                types[number] = _merge_texts(types[number], _type_of_texts(texts))
            self._digests += [_digest("\0".join(row)) for row in block]
            self._rows += len(block)
        self._rows += sum(1 for _ in rows)
        names += [f"column {number + 1}" for number in range(len(names), len(types))]
        self._columns = dict(zip_longest(names, types, fillvalue="null"))
        return self._summary()

    def add_records(self, records: Iterable[Mapping[str, Any]]) -> TabularSummary:
        """Add rows of typed values by name."""
        for record in records:
            if self._rows < LOOKED_AT:
                for name, value in record.items():
                    known, found = self._columns.setdefault(name, "null"), _type_of(value)
                    if known != found:
                        self._columns[name] = _merge(known, found)
                self._digests.append(_digest(json.dumps(record, sort_keys=True, default=str)))
            self._rows += 1
        if not self._rows and not self._columns and self._form != "parquet":
            raise NoTableError("it has no row")
        return self._summary()

    def _summary(self) -> TabularSummary:
        return TabularSummary(
            format=self._form, columns=self._columns, rows=self._rows, row_digests=tuple(self._digests)
        )


def _digest(row: str) -> str:
    return hashlib.blake2b(row.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _read_csv(content: IO[bytes]) -> Iterator[list[str]]:
    header = content.readline(SAMPLE)
    content.seek(0)
    delimiter = max(DELIMITERS, key=lambda each: header.count(each.encode()))  # the first one if there is only a column
    return csv.reader(io.TextIOWrapper(content, encoding="utf-8", newline=""), delimiter=delimiter)


def _read_lines(content: IO[bytes]) -> Iterator[Any]:
    return (json.loads(line) for line in content if line.strip())


def _read_parquet(content: IO[bytes]) -> Iterator[Mapping[str, Any]]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise NoTableError("Parquet needs the extra: pip install 'airflow-scenario-harness[parquet]'") from error
    try:
        for batch in parquet.ParquetFile(content).iter_batches():
            yield from batch.to_pylist()
    except ArrowException as error:
        raise NoTableError(f"it is not Parquet: {error}") from error


def _list_records(document: Any) -> list[Mapping[str, Any]]:
    """Return the rows of a JSON document.

    The rows are the objects of a list, or the document itself if it is an object.
    """
    values = document if isinstance(document, list) else [document]
    return [record for value in values for record in _list_record(value)]


def _list_record(value: Any) -> list[Mapping[str, Any]]:
    if not isinstance(value, dict):
        raise NoTableError("its values are no objects")
    return [value]


def _name_columns(header: list[str]) -> list[str]:
    """Return the names of the columns; a name that occurs again has its position appended."""
    return [
        name if name and name not in header[:number] else f"{name} (column {number + 1})".strip()
        for number, name in enumerate(header)
    ]


def _type_of_texts(texts: Sequence[str]) -> str:
    """Return the type of a column's texts; empty texts count for any type."""
    column = "".join(f"{text}\0" for text in texts if text)
    if not column:
        return "null"
    return next((name for name, pattern in COLUMNS.items() if pattern.fullmatch(column)), "text")


def _merge_texts(known: str, found: str) -> str:
    merged = _merge(known, found)
    return "text" if merged == "mixed" else merged


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "object" if isinstance(value, dict | list) else "text"


def _merge(known: str, found: str) -> str:
    if known == found or found == "null":
        return known
    if known == "null":
        return found
    return "number" if {known, found} == {"integer", "number"} else "mixed"
