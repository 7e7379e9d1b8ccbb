"""The index that uv uses where none is configured."""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

import pytest

from harness.airflow.making.index import default_index, list_releases
from harness.errors import AirflowEnvironmentError
from tests.making.conftest import Index


def test_the_default_index_is_that_of_pip() -> None:
    """If this fails, look for the default of --index-url in pip's new version: `pip install --help` prints it."""
    address = urlsplit(default_index())
    assert (address.scheme, address.path) == ("https", "/simple")


def test_without_it_the_index_must_be_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pip._internal.models.index", None)
    with pytest.raises(AirflowEnvironmentError, match="set index-url in pip's settings"):
        default_index()


def test_an_index_without_json_is_not_one_that_lacks_the_package(airflows: Index) -> None:
    env = {"UV_DEFAULT_INDEX": f"{airflows.url}/simple"}
    assert list_releases("boat", env) == {}
    airflows.pages["/simple/boat/"] = b"<html></html>"
    assert list_releases("boat", env) is None
    assert list_releases("pandas", {"UV_NO_INDEX": "1"}) is None
