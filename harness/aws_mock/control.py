"""The twin's own calls, beside AWS's: GET /twin/, GET /twin/state, POST /twin/orders, POST /twin/enforce-iam.

`POST /moto-api/reset` clears what these have set, too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_api._internal.models import MotoAPIBackend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from werkzeug.wrappers import Request, Response

from . import authorization, calls, orders
from .state import state

PREFIX = "/twin/"


def install() -> None:
    answer: Callable[..., Iterable[bytes]] = DomainDispatcherApplication.__call__
    reset = MotoAPIBackend.reset

    def answer_or_control(self: DomainDispatcherApplication, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").startswith(PREFIX):
            return _answered(Request(environ))(environ, start)
        return answer(self, environ, start)

    def reset_all(self: MotoAPIBackend) -> None:
        with orders.LOCK:
            orders.forget()
            reset(self)
            calls.forget()
            authorization.relax()

    DomainDispatcherApplication.__call__ = answer_or_control  # type: ignore[method-assign,assignment]
    MotoAPIBackend.reset = reset_all  # type: ignore[method-assign]


def _answered(request: Request) -> Response:
    match request.method, request.path.removeprefix(PREFIX):
        case "GET", "":
            return _json({"twin": True})
        case "GET", "state":
            return _json(state())
        case "POST", "orders":
            try:
                orders.give(json.loads(request.get_data()))
            except ValueError as error:
                return Response(f"{error}\n", status=400)
            return _json({})
        case "POST", "enforce-iam":
            authorization.enforce()
            return _json({})
        case method, path:
            return Response(f"the twin has no {method} {PREFIX}{path}\n", status=404)


def _json(value: Any) -> Response:
    return Response(json.dumps(value), mimetype="application/json")
