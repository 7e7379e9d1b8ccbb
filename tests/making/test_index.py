"""The index that uv uses where none is configured."""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

import pytest
import requests

from harness.airflow.making.index import default_index, fetch, list_releases, supports_python
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


@pytest.mark.parametrize(
    ("required", "supported"), [(">=3.9", True), ("<3.9", False), ("", True), (">=3.6.*", True), ("3.12", True)]
)
def test_an_invalid_bound_of_python_is_none_as_for_pip(required: str, supported: bool) -> None:
    assert supports_python(required, "3.12.1") is supported


@pytest.mark.parametrize(
    ("env", "options"),
    [
        ({}, {"verify": True, "cert": None, "proxies": {}}),
        ({"SSL_CERT_FILE": "/ca.pem", "SSL_CLIENT_CERT": "/me.pem"}, {"verify": "/ca.pem", "cert": "/me.pem"}),
        ({"UV_INSECURE_HOST": "other.example index.example"}, {"verify": False}),
        ({"UV_INSECURE_HOST": "index.example:8443"}, {"verify": False}),
        ({"UV_INSECURE_HOST": "index.example:9"}, {"verify": True}),
        ({"ALL_PROXY": "http://p.example"}, {"proxies": {"https": "http://p.example"}}),
        ({"ALL_PROXY": "http://p.example", "NO_PROXY": ".example"}, {"proxies": {}}),
        ({"ALL_PROXY": "http://p.example", "https_proxy": "q.example:80"}, {"proxies": {"https": "q.example:80"}}),
    ],
)
def test_the_index_and_constraints_are_asked_with_the_settings_of_pip(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, str], options: dict[str, object]
) -> None:
    asked: list[dict[str, object]] = []

    def get(address: str, **given: object) -> requests.Response:
        asked.append(given)
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "get", get)
    address = "https://index.example:8443"
    with pytest.raises(requests.ConnectionError):
        fetch(f"{address}/constraints.txt", env)
    with pytest.raises(AirflowEnvironmentError):
        list_releases("pandas", {"UV_DEFAULT_INDEX": f"{address}/simple", **env})
    for given in asked:
        assert {name: given[name] for name in options} == options
    assert len(asked) == 2
