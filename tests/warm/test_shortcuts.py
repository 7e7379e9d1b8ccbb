"""What the host works out once for all of its forks is what each of them would have found."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.utils import db
from fastapi import Depends, FastAPI
from fastapi.dependencies import utils
from fastapi.testclient import TestClient

from harness.airflow.warm.shortcuts import remember_dependants, remember_log_templates

LOG_TEMPLATE = SimpleNamespace(__tablename__="log_template")


def test_the_table_of_log_templates_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(db, "reflect_tables", lambda tables, session: asked.append(tables) or len(asked))
    remember_log_templates()
    assert [db.reflect_tables([LOG_TEMPLATE], None) for _ in range(3)] == [1, 1, 1]
    assert [db.reflect_tables(tables, None) for tables in (["xcom"], ["xcom"], None)] == [2, 3, 4]
    assert asked == [[LOG_TEMPLATE], ["xcom"], ["xcom"], None]


def test_signatures_are_read_once_and_what_replaces_a_dependency_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    of_call = utils.get_typed_signature
    monkeypatch.setattr(utils, "get_dependant", utils.get_dependant)  # to be put back
    monkeypatch.setattr(utils, "get_typed_signature", lambda call: read.append(call) or of_call(call))
    remember_dependants()
    app = FastAPI()

    def real() -> str:
        return "real"

    def outer(inner: str = Depends(real)) -> str:
        return f"outer of {inner}"

    @app.get("/")
    def asked(given: str = Depends(outer)) -> str:
        return given

    def answer() -> str:
        return str(TestClient(app).get("/").json())

    app.dependency_overrides[real] = lambda: "another"
    assert answer() == "outer of another"
    read.clear()
    assert answer() == "outer of another"
    assert read == []
    app.dependency_overrides[real] = lambda number=3: f"the {number}rd"
    assert answer() == "outer of the 3rd"
    app.dependency_overrides.clear()
    assert answer() == "outer of real"
