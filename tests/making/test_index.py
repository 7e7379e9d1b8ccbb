"""The index that uv uses where none is configured."""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

import pytest

from harness.airflow.making.index import default_index
from harness.errors import AirflowEnvironmentError


def test_the_default_index_is_that_of_pip() -> None:
    """If this fails, look for the default of --index-url in pip's new version: `pip install --help` prints it."""
    address = urlsplit(default_index())
    assert (address.scheme, address.path) == ("https", "/simple")


def test_without_it_the_index_must_be_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pip._internal.models.index", None)
    with pytest.raises(AirflowEnvironmentError, match="set index-url in pip's settings"):
        default_index()
