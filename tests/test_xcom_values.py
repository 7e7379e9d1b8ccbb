"""XComs in the formats of both Airflow lines."""

from __future__ import annotations

import json
import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

from harness.airflow.xcom_values import decoded

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
def test_plain_values(stored: Any) -> None:
    assert decoded(stored) == VALUE


def test_a_pickle_with_a_class_is_not_loaded() -> None:
    assert decoded(pickle.dumps(OrderedDict(a=1))) == "(a pickle, not read: it holds collections.OrderedDict)"


def test_a_malicious_pickle_is_not_executed(tmp_path: Path) -> None:
    marker = tmp_path / "ran"

    class Attack:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(marker),)

    assert decoded(pickle.dumps(Attack())) == "(a pickle, not read: it holds posix.mkdir)"
    assert not marker.exists()


def test_a_broken_pickle() -> None:
    assert decoded(pickle.dumps(VALUE)[:-5]).startswith("(a broken pickle: ")
