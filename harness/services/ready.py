"""Waiting for a service: bounded, and watched."""

from __future__ import annotations

from collections.abc import Callable

from tenacity import RetryError, Retrying, retry_if_not_exception_type, stop_after_delay, wait_fixed

from harness.errors import HarnessError, ServiceError

POLL = 0.05


def await_answer(
    role: str, probe: Callable[[], object], timeout: float, check: Callable[[], object], last_words: Callable[[], str]
) -> None:
    """Calls `check`, then `probe`, every 50 ms until `probe` stops raising; what `check` raises ends the wait at once.

    Raises ServiceError, with the service's last words, where that takes more than `timeout` seconds.
    """

    def attempt() -> None:
        check()
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
