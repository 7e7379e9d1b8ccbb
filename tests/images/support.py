"""Helpers of the tests of the images."""

from __future__ import annotations

import time
from collections.abc import Callable

from docker.models.containers import Container

Run = Callable[..., Container]
"""Starts a container: image, command, and docker-py's options; `ports` are published on 127.0.0.1."""


def host_port(container: Container, port: int) -> int:
    binding = container.ports[f"{port}/tcp"][0]
    assert binding["HostIp"] == "127.0.0.1"
    return int(binding["HostPort"])


def until(true: Callable[[], object], seconds: float = 20.0) -> None:
    """Waits until `true()` is true and raises nothing."""
    end = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < end:
        try:
            last = true()
        except Exception as error:
            last = error
        else:
            if last:
                return
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s, last: {last!r}")
