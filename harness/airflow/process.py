"""One child process: bounded, logged, and never outliving the test process."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# Loaded before any fork: the child of a threaded process must not load libraries.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Finished:
    """`exit_code` is None where the process had to be ended after its time. `log`: stdout and stderr as they came."""

    exit_code: int | None
    log: str
    seconds: float


def execute(command: Sequence[str], env: Mapping[str, str], folder: Path, log_file: Path, timeout: float) -> Finished:
    """Runs `command` in `folder` with exactly `env`, its output in `log_file`.

    Its whole process group is killed after `timeout` seconds, or when this call is interrupted; on Linux the kernel
    kills it when this process dies, even by kill -9.
    """
    began = time.monotonic()
    with log_file.open("wb") as log:
        child = subprocess.Popen(
            list(command),
            env=dict(env),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent if _LIBC else None,
        )
        try:
            exit_code: int | None = child.wait(timeout)
        except subprocess.TimeoutExpired:
            exit_code = None
        finally:
            _kill_group(child)
    return Finished(exit_code, log_file.read_text(errors="replace"), time.monotonic() - began)


def _die_with_parent() -> None:
    assert _LIBC is not None
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):  # the usual case: everything has ended
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
