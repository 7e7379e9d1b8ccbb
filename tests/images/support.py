"""Helpers of the image tests."""

from __future__ import annotations

import time
from collections.abc import Callable

from docker.models.containers import Container

Run = Callable[..., Container]
"""Starts a container from image, command and docker-py's options; publishes `ports` on 127.0.0.1."""


def host_port(container: Container, port: int) -> int:
    binding = container.ports[f"{port}/tcp"][0]
    assert binding["HostIp"] == "127.0.0.1"
    return int(binding["HostPort"])


def wait_until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until `condition()` is true and raises nothing."""
    deadline = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < deadline:
        try:
            last = condition()
        except Exception as error:
            last = error
        else:
            if last:
                return
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s, last: {last!r}")
