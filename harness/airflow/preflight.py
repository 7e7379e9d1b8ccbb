"""Refuse, before Airflow starts, a run that would mislead or reach outside."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from datetime import date as calendar_date
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from harness.airflow.connections import refuse_misleading_connections
from harness.errors import RunRefusedError
from harness.settings import LONGEST_TIMEOUT


def refuse_misleading(dags_folder: Path, date: str, env: Mapping[str, str]) -> None:
    """Raise RunRefusedError if the run can't be what its author means."""
    check_date(date)
    check_folder(dags_folder)
    refuse_misleading_connections(env)
    if "DOCKER_HOST" in env:
        _check_docker_host(env["DOCKER_HOST"])


def format_date(date: str | calendar_date) -> str:
    """Return a logical date, which may be a datetime, as an argument of `airflow dags test`."""
    return date.isoformat() if isinstance(date, calendar_date) else str(date)


def check_date(date: str) -> None:
    """Raise RunRefusedError if Airflow would not accept the date."""
    try:
        datetime.fromisoformat(date)
    except ValueError as error:
        raise RunRefusedError(f"{date!r} is not a date: write 2021-01-31 or 2021-01-31T12:00:00+00:00") from error


def check_timeout(timeout: float | None) -> None:
    """Raise RunRefusedError unless the timeout of a run is a number above 0, or None."""
    if timeout is None:
        return
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= LONGEST_TIMEOUT:
        raise RunRefusedError(f"timeout={timeout!r}: write the seconds as a number above 0")


def check_folder(dags_folder: Path) -> None:
    """Raise RunRefusedError if the folder is missing or can't contain a DAG."""
    if not dags_folder.is_dir():
        raise RunRefusedError(
            f"the dags folder {dags_folder} does not exist: set dags_folder in pyproject's [tool.harness] "
            "or HARNESS_DAGS_FOLDER"
        )
    if not any(dags_folder.rglob("*.py")) and not any(dags_folder.rglob("*.zip")):
        raise RunRefusedError(f"the dags folder {dags_folder} holds no Python file: is it the right folder?")


def _check_docker_host(value: str) -> None:
    """Raise RunRefusedError if nothing is listening on the address.

    The guide prints port 2376, but its relay listens on 2375. No message repeats the value, which may hold a password.
    """
    scheme, address = _parse_docker_address(value)
    if scheme in ("npipe", "ssh"):
        return
    hint = ""
    try:
        if isinstance(address, str):
            place = f"the socket {address}"
            with socket.socket(socket.AF_UNIX) as unix:
                unix.settimeout(3)
                unix.connect(address)
        else:
            place = f"host {address[0]}, port {address[1]}"
            if address[1] == 2376 and scheme != "https":
                hint = "; the guide's 2376 is a mistake, its relay listens on 2375"
            socket.create_connection(address, timeout=3).close()
    except (OSError, ValueError) as error:  # ValueError: a malformed host name such as a..b
        reason = getattr(error, "strerror", None) or error
        raise RunRefusedError(
            f"DOCKER_HOST: nothing is listening on {place} ({reason}){hint}; unset DOCKER_HOST to use the stack's relay"
        ) from error


def _parse_docker_address(value: str) -> tuple[str, str | tuple[str, int]]:
    """Return scheme and path or (host, port). HOST:PORT is TCP; Docker's port is the default."""
    value = value.strip()
    bare = "://" not in value
    try:
        parts = urlsplit(f"tcp://{value}" if bare else value)
        if parts.scheme in ("npipe", "ssh"):
            return parts.scheme, ""
        if parts.scheme in ("unix", "http+unix") and "@" not in parts.netloc:
            path = (parts.netloc + parts.path).lstrip("/")  # Docker accepts unix://var/run/... too
            return parts.scheme, f"/{path or 'var/run/docker.sock'}"
        if parts.scheme in ("tcp", "http", "https") and parts.hostname and not set(value) & set("@?#"):
            default = None if bare else 2376 if parts.scheme == "https" else 2375
            port = default if parts.port is None else parts.port
            if port is not None:
                return parts.scheme, (parts.hostname, port)
    except ValueError:  # an invalid port, or an incomplete IPv6 address
        pass
    raise RunRefusedError("DOCKER_HOST is not an address: write tcp://HOST:PORT or unix:///PATH")
