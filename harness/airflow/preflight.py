"""What would mislead or reach outside is refused before Airflow starts: seconds saved, and a plain reason given."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from harness.errors import RunRefusedError

CONNECTION = "AIRFLOW_CONN_"


def refuse_misleading(dags_folder: Path, date: str, env: Mapping[str, str]) -> None:
    """Raises RunRefusedError for a run that can't be what its author means."""
    _check_date(date)
    _check_folder(dags_folder)
    for name, value in env.items():
        if name.startswith(CONNECTION):
            _check_s3_connection(name, value)
    if "DOCKER_HOST" in env:
        _check_docker_host(env["DOCKER_HOST"])


def _check_date(date: str) -> None:
    try:
        datetime.fromisoformat(date)
    except ValueError as error:
        raise RunRefusedError(f"{date!r} is not a date: write 2021-01-31 or 2021-01-31T12:00:00+00:00") from error


def _check_folder(dags_folder: Path) -> None:
    if not dags_folder.is_dir():
        raise RunRefusedError(
            f"the dags folder {dags_folder} does not exist: set dags_folder in pyproject's [tool.harness] "
            "or --dags-folder"
        )
    if not any(dags_folder.rglob("*.py")) and not any(dags_folder.rglob("*.zip")):
        raise RunRefusedError(f"the dags folder {dags_folder} holds no Python file: is it the right folder?")


def _check_s3_connection(name: str, value: str) -> None:
    """Today's amazon provider reads only conn type `aws` and extra `endpoint_url`.

    The form of 2021 (`s3://...?host=...`) is ignored with a warning, and the hook then talks to the real AWS.
    """
    kind, extra = _parsed(name, value)
    if kind == "s3" or (kind == "aws" and "host" in extra and "endpoint_url" not in extra):
        endpoint = extra.get("host", "http://127.0.0.1:9000")
        works = f"aws://LOGIN:PASSWORD@/?endpoint_url={quote(endpoint, safe='')}"
        raise RunRefusedError(
            f"{name} has a form that today's amazon provider ignores, and it would talk to the real AWS: write {works}"
        )


def _parsed(name: str, value: str) -> tuple[str, dict[str, str]]:
    """Connection type and extras of a connection in either of its two spellings."""
    if value.lstrip().startswith("{"):
        try:
            fields = json.loads(value)
        except ValueError as error:
            raise RunRefusedError(f"{name} is not valid JSON: {error}") from error
        extra = fields.get("extra") or {}
        return str(fields.get("conn_type", "")), json.loads(extra) if isinstance(extra, str) else dict(extra)
    parts = urlsplit(value)
    extra = dict(parse_qsl(parts.query, keep_blank_values=True))
    if "__extra__" in extra:
        extra |= json.loads(unquote(extra["__extra__"]))
    return parts.scheme, extra


def _check_docker_host(value: str) -> None:
    """Somebody must listen there. The guide prints 2376; its relay listens on 2375."""
    found = re.fullmatch(r"(?:tcp|http)://([^:/]+):(\d+)/?", value)
    if not found:
        if value.startswith(("unix://", "npipe://", "ssh://", "https://")):
            return
        raise RunRefusedError(f"DOCKER_HOST={value} is not an address: write tcp://HOST:PORT or unix:///PATH")
    host, port = found[1], int(found[2])
    try:
        socket.create_connection((host, port), timeout=3).close()
    except OSError as error:
        hint = "; the guide's 2376 is a slip, its relay listens on 2375" if port == 2376 else ""
        raise RunRefusedError(
            f"DOCKER_HOST={value}: nobody answers at host {host}, port {port} ({error.strerror or error}){hint}; "
            "leave it out to use the stack's own relay"
        ) from error
