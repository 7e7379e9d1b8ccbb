"""The mock's own calls, next to AWS's.

GET /mock/, GET /mock/state (`?whole`: with contents and all resources), POST /mock/configuration and
POST /mock/enforce-iam. `POST /moto-api/reset` also clears what these calls set.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

import moto
from moto.core.config import default_user_config
from moto.moto_api import recorder, state_manager
from moto.moto_api._internal.models import MotoAPIBackend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from werkzeug.wrappers import Request, Response

from . import authorization, calls, configuration
from .state import collect_state

PREFIX = "/mock/"


def install() -> None:
    answer: Callable[..., Iterable[bytes]] = DomainDispatcherApplication.__call__
    reset = MotoAPIBackend.reset

    def answer_or_control(self: DomainDispatcherApplication, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").startswith(PREFIX):
            return _handle(Request(environ))(environ, start)
        return answer(self, environ, start)

    fresh_config = dict(deepcopy(default_user_config))

    def reset_all(self: MotoAPIBackend) -> None:
        with configuration.LOCK:
            configuration.reset()
            reset(self)
            calls.clear()
            authorization.relax()
            # Calls below /moto-api/ can set these, and moto's reset keeps them.
            self.set_config(deepcopy(fresh_config))
            for model in list(state_manager._transitions):
                state_manager.unset_transition(model)
            recorder.stop_recording()

    DomainDispatcherApplication.__call__ = answer_or_control  # type: ignore[method-assign,assignment]
    MotoAPIBackend.reset = reset_all  # type: ignore[method-assign]


def _handle(request: Request) -> Response:
    match request.method, request.path.removeprefix(PREFIX):
        case "GET", "":
            return _json({"mock": True, "moto": moto.__version__})
        case "GET", "state":
            return _json(collect_state(whole="whole" in request.args))
        case "POST", "configuration":
            try:
                configuration.update(json.loads(request.get_data()))
            except ValueError as error:
                return Response(f"{error}\n", status=400)
            return _json({})
        case "POST", "enforce-iam":
            authorization.enforce()
            return _json({})
        case method, path:
            return Response(f"{method} {PREFIX}{path}: the AWS mock has no such call\n", status=404)


def _json(value: Any) -> Response:
    return Response(json.dumps(value), mimetype="application/json")
