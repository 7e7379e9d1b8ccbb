"""XComs as the two Airflow lines store them."""

from __future__ import annotations

import datetime as dt
import json
import os
import pickle
import time
from collections import OrderedDict
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from harness.airflow.xcom_values import decode_xcom

VALUE = {"Training": {"k": [1, 2.5, None, True, "ü"]}}


@pytest.mark.parametrize(
    "stored",
    [
        VALUE,
        json.dumps(VALUE).encode(),
        memoryview(json.dumps(VALUE).encode()),
        pickle.dumps(VALUE),
        pickle.dumps(VALUE, 2),
    ],
    ids=["decoded", "json", "memoryview", "pickle", "old pickle"],
)
def test_plain_values_are_decoded(stored: Any) -> None:
    assert decode_xcom(stored) == VALUE


def test_a_pickle_with_a_class_is_not_loaded() -> None:
    assert decode_xcom(pickle.dumps(OrderedDict(a=1))) == "(a pickle, not read: it holds collections.OrderedDict)"


def test_a_pickle_runs_no_code(tmp_path: Path) -> None:
    marker = tmp_path / "ran"

    class Attack:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(marker),)

    assert decode_xcom(pickle.dumps(Attack())) == "(a pickle, not read: it holds posix.mkdir)"
    assert not marker.exists()


def test_a_broken_pickle_becomes_a_text() -> None:
    assert decode_xcom(pickle.dumps(VALUE)[:-5]).startswith("(a broken pickle: ")


def serialize(name: str, data: Any, version: int = 1) -> dict[str, Any]:
    """Return what Airflow's serde stores for a value of the class `name`."""
    return {"__classname__": name, "__version__": version, "__data__": data}


def at(zone: list[Any] | None, name: str = "datetime.datetime") -> dict[str, Any]:
    """Return a stored 2021-07-01T22:00:00Z."""
    stored = zone and serialize("builtins.tuple", zone)
    return serialize(name, {"timestamp": 1625176800.0, "tz": stored}, 2)


SUMMER = dt.datetime(2021, 7, 2, tzinfo=ZoneInfo("Europe/Oslo"))
SERIALIZED = [
    (serialize("builtins.tuple", [1, serialize("builtins.tuple", [2])]), (1, (2,))),
    (serialize("builtins.set", [1, serialize("builtins.frozenset", ["a"])]), {1, frozenset("a")}),
    (serialize("datetime.date", "2021-07-02", 2), dt.date(2021, 7, 2)),
    (serialize("pendulum.date.Date", "2021-07-02", 2), dt.date(2021, 7, 2)),
    (serialize("datetime.timedelta", 90.5, 2), dt.timedelta(seconds=90.5)),
    (at(["Europe/Oslo", "zoneinfo.ZoneInfo", 1, True]), SUMMER),
    (at([7200, "pendulum.tz.timezone.FixedTimezone", 1, True], "pendulum.datetime.DateTime"), SUMMER),
    (at(["", "", 0, False]), SUMMER),  # Airflow loses the offset of datetime.timezone, not the moment
    (at(None), dt.datetime(2021, 7, 1, 22)),
    (serialize("decimal.Decimal", 1.5), Decimal("1.5")),
    (serialize("uuid.UUID", "00000000-0000-0000-0000-000000000005"), UUID(int=5)),
    (serialize("zoneinfo.ZoneInfo", "Europe/Oslo"), ZoneInfo("Europe/Oslo")),
    (serialize("numpy.int64", 3), 3),
    ({"days": [serialize("datetime.date", "2021-07-02", 2)]}, {"days": [dt.date(2021, 7, 2)]}),
]


@pytest.mark.parametrize(("stored", "value"), SERIALIZED)
@pytest.mark.parametrize("line", ["2.11", "3.3"])
def test_serialized_values_are_decoded(stored: Any, value: Any, line: str) -> None:
    decoded = decode_xcom(stored if line == "3.3" else json.dumps(stored).encode())
    assert decoded == value
    assert type(decoded) is type(value)


def test_a_time_without_zone_does_not_depend_on_this_machines_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert decode_xcom(at(None)) == dt.datetime(2021, 7, 1, 22)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "stored",
    [
        serialize("shop.Order", {"id": 1}),
        serialize("datetime.date", "not a day", 2),
        serialize("builtins.set", [{"a": 1}]),
        serialize("zoneinfo.ZoneInfo", "Nowhere/Land"),
        serialize("numpy.int64", {"a": 1}),
        {"__classname__": ["builtins.tuple"], "__version__": 1, "__data__": []},
        {"__classname__": "builtins.tuple"},
    ],
)
def test_other_objects_stay_as_stored(stored: Any) -> None:
    assert decode_xcom(stored) == stored


def test_values_in_another_object_are_decoded() -> None:
    stored = serialize("shop.Order", {"day": serialize("datetime.date", "2021-07-02", 2)})
    assert decode_xcom(stored) == serialize("shop.Order", {"day": dt.date(2021, 7, 2)})


@pytest.mark.parametrize("stored", [b"s3://xcoms/key.csv", b"\xff\xfe\x00", b"PAR1\x15", b""])
def test_bytes_of_a_custom_backend_stay_bytes(stored: bytes) -> None:
    assert decode_xcom(memoryview(stored)) == stored


@pytest.mark.parametrize("stored", [b"\x80 own format", b"\x80\x04\x82\x01.", b"\x80\x04c\xff\n\n.", b"\x80\x04(((("])
def test_bytes_that_only_begin_like_a_pickle(stored: bytes) -> None:
    assert decode_xcom(stored).startswith("(a broken pickle: ")


def test_a_value_that_is_nested_too_deeply_stays_as_stored() -> None:
    stored: Any = 1
    for _ in range(5000):
        stored = [stored]
    assert decode_xcom(stored) is stored
    assert decode_xcom(b"[" * 100_000) == b"[" * 100_000
