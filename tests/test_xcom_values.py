"""XComs as the two Airflow lines store them."""

from __future__ import annotations

import json
import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

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
