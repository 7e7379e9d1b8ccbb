"""The AWS calls since the last reset, with their responses."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

from moto.moto_server.werkzeug_app import DomainDispatcherApplication

from . import configuration

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

SCOPE = re.compile(r"Credential=[^/]+/\d+/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")
LIMIT = 1 << 20
"""Bytes of the largest body that is parsed. Nearly all calls are far smaller."""

_calls: list[dict[str, Any]] = []
_lock = threading.Lock()


def list_calls() -> list[dict[str, Any]]:
    """Return every call in the order of the responses.

    Each has service, action, region and status, and if available parameters and error.
    """
    with _lock:
        return list(_calls)


def clear() -> None:
    with _lock:
        _calls.clear()


def install() -> None:
    """Record every AWS call from now on. The mock's own calls are not recorded."""
    answer: Callable[..., Iterable[bytes]] = DomainDispatcherApplication.__call__

    def answer_and_record(
        self: DomainDispatcherApplication, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        scope = SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        if scope is None:
            return answer(self, environ, start_response)
        scenario = configuration.scenario_number()
        action, parameters = _read_request(environ, scope[2])
        call: dict[str, Any] = {"service": scope[2], "region": scope[1], "action": action}
        if parameters is not None:
            call["parameters"] = parameters

        def record_status(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            call["status"] = int(status.split()[0])
            return start_response(status, headers, *rest)

        body = answer(self, environ, record_status)
        if call.get("status", 0) >= 400:
            body = list(body)
            call["error"] = _error(b"".join(body))
        with _lock:
            # A reset may have happened while the response was pending.
            if configuration.scenario_number() == scenario:
                _calls.append(call)
        return body

    DomainDispatcherApplication.__call__ = answer_and_record  # type: ignore[method-assign]


def _read_request(environ: Environ, service: str) -> tuple[str, Any]:
    """Return the action, such as `CreateModel`, and its parameters.

    Services that speak JSON name the action in a header, those of the Query protocol in a form. A call of another
    service has method and path, and its body if that is JSON; a call of S3 has no parameters.
    """
    body = None if service == "s3" else _read_body(environ)
    target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
    if target:
        return target.rpartition(".")[2], _parse_json(b"{}" if body == b"" else body)
    if body and environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        form.pop("Version", None)  # of the API, the same in all calls
        if "Action" in form:
            return form.pop("Action"), form
    return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}", _parse_json(body)


def _read_body(environ: Environ) -> bytes | None:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > LIMIT:
        return None
    body: bytes = environ["wsgi.input"].read(length) if length else b""
    if body:
        environ["wsgi.input"] = BytesIO(body)
    return body


def _parse_json(body: bytes | None) -> Any:
    try:
        return json.loads(body or b"")
    except (ValueError, RecursionError):
        return None


def _error(body: bytes) -> dict[str, str]:
    """Read code and message from JSON or XML."""
    text = body.decode("utf-8", "replace")
    try:
        error = json.loads(text)
        return {
            "code": str(error.get("__type", error.get("Code", ""))).rpartition("#")[2],
            "message": str(error.get("message", error.get("Message", ""))),
        }
    except (ValueError, AttributeError):
        parts = {name.lower(): value for name, value in re.findall(r"<(Code|Message)>([^<]*)</", text)}
        return {"code": parts.get("code", ""), "message": parts.get("message", text[:200])}
