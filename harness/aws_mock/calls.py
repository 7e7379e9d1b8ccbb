"""What was asked of the twin since the last reset, and how it answered: a run's failure is often told by one call."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication

from . import orders

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

SCOPE = re.compile(r"Credential=[^/]+/\d+/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")
LIMIT = 1 << 20
"""Bytes of a body that are looked into: a call of SageMaker's is far smaller, an object's content is none of ours."""

_calls: list[dict[str, Any]] = []
_lock = threading.Lock()


def recorded() -> list[dict[str, Any]]:
    """Every call in the order of the answers: service, action, region, status, parameters (JSON services), error."""
    with _lock:
        return list(_calls)


def forget() -> None:
    with _lock:
        _calls.clear()


def install() -> None:
    """From now on every AWS call that the server answers is recorded; its own control calls are not."""
    answer: Callable[..., Iterable[bytes]] = DomainDispatcherApplication.__call__

    def answer_and_record(
        self: DomainDispatcherApplication, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        scope = SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        if scope is None:
            return answer(self, environ, start_response)
        asked_in = orders.scenario()
        call: dict[str, Any] = {"service": scope[2], "region": scope[1], "action": _action(environ)}
        if environ.get("HTTP_X_AMZ_TARGET"):
            call["parameters"] = _parameters(environ)

        def started(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            call["status"] = int(status.split()[0])
            return start_response(status, headers, *rest)

        body = answer(self, environ, started)
        if call.get("status", 0) >= 400:
            body = list(body)
            call["error"] = _error(b"".join(body))
        with _lock:
            if orders.scenario() == asked_in:  # an answer may have waited past a reset
                _calls.append(call)
        return body

    DomainDispatcherApplication.__call__ = answer_and_record  # type: ignore[method-assign]


def _action(environ: Environ) -> str:
    """`CreateModel` where the protocol names it, else the request's method and path."""
    target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
    return target.rpartition(".")[2] if target else f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"


def _parameters(environ: Environ) -> Any:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > LIMIT:
        return None
    body = environ["wsgi.input"].read(length)
    environ["wsgi.input"] = BytesIO(body)
    try:
        return json.loads(body or b"{}")
    except ValueError:
        return None


def _error(body: bytes) -> dict[str, str]:
    """Code and message, from JSON or XML."""
    text = body.decode("utf-8", "replace")
    try:
        said = json.loads(text)
        return {
            "code": str(said.get("__type", said.get("Code", ""))).rpartition("#")[2],
            "message": str(said.get("message", said.get("Message", ""))),
        }
    except (ValueError, AttributeError):
        found = {name.lower(): value for name, value in re.findall(r"<(Code|Message)>([^<]*)</", text)}
        return {"code": found.get("code", ""), "message": found.get("message", text[:200])}
