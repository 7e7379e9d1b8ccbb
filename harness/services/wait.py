"""Waiting for a service: bounded, and watched."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from tenacity import RetryError, Retrying, retry_if_not_exception_type, stop_after_delay, wait_fixed

from harness.errors import HarnessError, ServiceError

POLL = 0.05
CHECK = 0.25
"""Seconds. To ask the engine after a container costs it more than a probe costs the service."""


def await_answer(
    role: str, probe: Callable[[], object], timeout: float, check: Callable[[], object], last_words: Callable[[], str]
) -> None:
    """Calls `probe` every 50 ms until it stops raising, and `check` before the first and from time to time.

    What `check` raises ends the wait. Raises ServiceError, with the service's last words, where that takes more than
    `timeout` seconds.
    """
    checked = -math.inf

    def attempt() -> None:
        nonlocal checked
        if time.monotonic() - checked >= CHECK:
            check()
            checked = time.monotonic()
        probe()

    retrying = Retrying(
        stop=stop_after_delay(timeout),
        wait=wait_fixed(POLL),
        retry=retry_if_not_exception_type(HarnessError),
    )
    try:
        retrying(attempt)
    except RetryError as error:
        last = error.last_attempt.exception()
        raise ServiceError(
            f"{role} was not ready within {timeout:g} s ({last}); raise HARNESS_START_TIMEOUT on a slow "
            f"machine. {last_words()}"
        ) from last
