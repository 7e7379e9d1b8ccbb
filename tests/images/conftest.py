"""Fixtures of the image tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import NotFound
from docker.models.containers import Container

from harness.engine import LABEL_ROLE, connect
from harness.images.catalogue import BUILT_IN
from harness.settings import Settings
from tests.images.support import Run


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the default settings, with an empty cache folder."""
    return Settings(root=tmp_path, cache_dir=tmp_path / "cache")


@pytest.fixture(scope="session")
def engine() -> docker.DockerClient:
    return connect()


@pytest.fixture(scope="session")
def project_settings() -> Settings:
    """Return the settings of this project, whose cache folder keeps the built images' files."""
    return Settings.load(Path(__file__).parents[2], BUILT_IN)


@pytest.fixture
def run(engine: docker.DockerClient) -> Iterator[Run]:
    """Return a function that starts a container, which is removed after the test."""
    started: list[Container] = []

    def start(image: str, command: list[str] | None = None, *, ports: tuple[int, ...] = (), **more: Any) -> Container:
        more["labels"] = {LABEL_ROLE: "image-test", **more.get("labels", {})}
        published = {f"{port}/tcp": ("127.0.0.1", None) for port in ports}
        container = engine.containers.create(image, command, ports=published, **more)
        started.append(container)
        container.start()
        container.reload()
        return container

    yield start
    for container in started:
        with suppress(NotFound):
            container.remove(force=True, v=True)
