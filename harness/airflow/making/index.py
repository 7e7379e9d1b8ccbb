"""Ask the package index for the releases of Airflow: upload times and supported Pythons."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import requests
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename
from packaging.version import Version
from requests.utils import should_bypass_proxies
from urllib3.exceptions import InsecureRequestWarning

from harness.errors import AirflowEnvironmentError

TIMEOUT = 30.0
"""Seconds without a byte from the index."""
JSON = "application/vnd.pypi.simple.v1+json"


@dataclass(frozen=True)
class Release:
    """A release: when its first file was uploaded, and its Requires-Python.

    `uploaded` is None if the index does not say so. Without Requires-Python its text is empty.
    """

    uploaded: datetime | None
    requires_python: str


def default_index() -> str:
    """Return the index that pip and uv use where none is configured.

    The name is a private one of pip, which has no public one. Raises AirflowEnvironmentError if pip has moved it.
    """
    try:
        from pip._internal.models.index import PyPI
    except ImportError as error:
        raise AirflowEnvironmentError("no package index is configured: set index-url in pip's settings") from error
    return str(PyPI.simple_url)


def supports_python(required: str, version: str) -> bool:
    """Whether the Requires-Python of a package allows this version. An invalid one allows all, as for pip."""
    try:
        return SpecifierSet(required).contains(version, prereleases=True)
    except InvalidSpecifier:
        return True


def fetch(address: str, env: Mapping[str, str]) -> str:
    """Return the text at the address. Raises requests.RequestException."""
    answer = _get(address, env)
    answer.raise_for_status()
    return answer.text


def _get(address: str, env: Mapping[str, str], accept: str = "*/*") -> requests.Response:
    """Ask with the settings that uv has, from its variables."""
    place = urlsplit(address)
    trusted = not {place.hostname, place.netloc.rpartition("@")[2]}.isdisjoint(env.get("UV_INSECURE_HOST", "").split())
    names = (f"{place.scheme.upper()}_PROXY", f"{place.scheme}_proxy", "ALL_PROXY", "all_proxy")
    proxy = next(filter(None, map(env.get, names)), None)
    if should_bypass_proxies(address, env.get("NO_PROXY") or env.get("no_proxy")):
        proxy = None  # given, it would win over NO_PROXY
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureRequestWarning)  # the user's settings say so
        return requests.get(
            address,
            headers={"Accept": accept},
            timeout=TIMEOUT,
            verify=False if trusted else env.get("SSL_CERT_FILE") or True,
            cert=env.get("SSL_CLIENT_CERT"),
            proxies={place.scheme: proxy} if proxy else {},
        )


def list_releases(package: str, env: Mapping[str, str]) -> dict[Version, Release] | None:
    """Return the releases of the package on uv's indexes, empty if they lack the package.

    `env` are uv's variables. None if no index lists the releases in JSON, as some mirrors. Raises
    AirflowEnvironmentError if none answers at all.
    """
    found: dict[Version, Release] = {}
    if env.get("UV_NO_INDEX"):
        return None
    known = False
    errors: list[str] = []
    addresses = [env.get("UV_DEFAULT_INDEX") or env.get("UV_INDEX_URL") or default_index()]
    addresses += (env.get("UV_INDEX") or env.get("UV_EXTRA_INDEX_URL") or "").split()
    for address in addresses:
        try:
            # An index in UV_INDEX may have a name: NAME=URL.
            index = address.partition("=")[2] if "=" in address.partition(":")[0] else address
            answer = _get(f"{index}/{package}/", env, JSON)
            in_json = answer.ok and JSON in answer.headers.get("Content-Type", "")
            files = answer.json()["files"] if in_json else []
        except (requests.RequestException, ValueError, KeyError) as error:
            errors.append(type(error).__name__)
            continue
        known |= in_json or answer.status_code == requests.codes.not_found
        for file in files:
            _add(found, file)
    if len(errors) == len(addresses):
        raise AirflowEnvironmentError(
            f"the package index does not answer ({errors[0]}): check the network and pip's settings (`pip config list`)"
        )
    return found if known else None


def _add(found: dict[Version, Release], file: Mapping[str, object]) -> None:
    name = str(file.get("filename"))
    try:
        version = parse_wheel_filename(name)[1] if name.endswith(".whl") else parse_sdist_filename(name)[1]
    except (InvalidWheelFilename, InvalidSdistFilename):
        return
    if file.get("yanked"):
        return
    uploaded = file.get("upload-time")
    moment = datetime.fromisoformat(str(uploaded)) if uploaded else None
    earlier = found.get(version)
    if earlier is None or (moment and (earlier.uploaded is None or moment < earlier.uploaded)):
        found[version] = Release(moment, str(file.get("requires-python") or ""))
