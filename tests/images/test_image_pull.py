"""Pulling: time limits, kinds of failure, and registries that did not answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from docker.errors import APIError

from harness.errors import EngineError, ImageError
from harness.images import pull as pull_module
from harness.images.pull import PullError, pull
from harness.progress import SILENT


class FakeEngine:
    def __init__(self, *events: dict[str, Any] | Exception, alive: bool = True, hang: float = 0.0) -> None:
        self.events = events
        self.alive = alive
        self.hang = hang
        self.pulled: list[tuple[str, str]] = []
        self.api = self

    def pull(self, repository: str, tag: str, stream: bool, decode: bool) -> Iterator[dict[str, Any]]:
        self.pulled.append((repository, tag))
        time.sleep(self.hang)
        for event in self.events:
            if isinstance(event, Exception):
                raise event
            yield event

    def ping(self) -> None:
        if not self.alive:
            raise requests.ConnectionError("gone")


@pytest.fixture(autouse=True)
def reset_registries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pull_module, "_unreachable", {})


def fetch(engine: FakeEngine, reference: str = "quay.io/minio/minio:TAG") -> None:
    pull(engine, reference, "minio", SILENT)  # type: ignore[arg-type]


def test_a_pull_requests_repository_and_tag() -> None:
    engine = FakeEngine({"status": "Pulling"}, {"status": "Done"})
    fetch(engine)
    assert engine.pulled == [("quay.io/minio/minio", "TAG")]


NO_HOST = 'Get "https://quay.io/v2/": dial tcp: lookup quay.io: no such host'


def test_an_unreachable_registry_is_contacted_once() -> None:
    engine = FakeEngine(APIError("500", explanation=NO_HOST))
    for _ in range(2):
        with pytest.raises(PullError, match=r"^quay\.io can't be reached$") as failed:
            fetch(engine)
        assert not failed.value.missing
    assert len(engine.pulled) == 1
    other = FakeEngine()
    fetch(other, "postgres:17.6")
    assert other.pulled == [("postgres", "17.6")]


@pytest.mark.parametrize(
    "event",
    [
        {"error": "manifest for quay.io/minio/minio:TAG not found: manifest unknown: manifest unknown"},
        APIError("404", explanation="pull access denied for x, repository does not exist or may require login"),
    ],
)
def test_a_missing_image_is_distinguished(event: dict[str, Any] | Exception) -> None:
    engine = FakeEngine(event)
    for _ in range(2):
        with pytest.raises(PullError, match=r"quay\.io has no quay\.io/minio/minio:TAG") as failed:
            fetch(engine)
        assert failed.value.missing
    assert len(engine.pulled) == 2, "a registry that answers is contacted again"


def test_a_stalled_pull_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pull_module, "STALL_TIMEOUT", 0.2)
    start = time.monotonic()
    with pytest.raises(PullError, match="can't be reached"):
        fetch(FakeEngine(hang=2.0))
    assert time.monotonic() - start < 1.5


def test_a_full_disk_is_reported_and_not_built_around() -> None:
    event = {"error": "failed to register layer: write /usr/bin/minio: no space left on device"}
    with pytest.raises(ImageError, match="disk full while building minio"):
        fetch(FakeEngine(event))


def test_a_lost_engine_is_reported() -> None:
    with pytest.raises(EngineError, match=r"stopped answering while pulling quay\.io/minio/minio:TAG"):
        fetch(FakeEngine(requests.ConnectionError("broken"), alive=False))
