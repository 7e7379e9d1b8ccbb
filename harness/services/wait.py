"""Wait for a service, and stop early if it exits."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from tenacity import RetryError, Retrying, retry_if_not_exception_type, stop_after_delay, wait_fixed

from harness.errors import HarnessError, ServiceError

POLL, CHECK = 0.05, 0.25
"""Seconds between probes, and between checks, which cost the engine more."""


def await_answer(
    role: str, probe: Callable[[], object], timeout: float, check: Callable[[], object], last_lines: Callable[[], str]
) -> None:
    """Call `probe` every 50 ms until it succeeds, and `check` first and every 250 ms.

    Errors of `check` end the wait. Raises ServiceError with `last_lines()` after `timeout` seconds.
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
            f"machine. {last_lines()}"
        ) from last
