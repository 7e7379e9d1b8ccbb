"""One round: pytest in a fork of this process, which has imported what every round needs. See rehearse()."""

from __future__ import annotations

import atexit
import gc
import io
import json
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from harness.airflow.inside.supervisor import PR_SET_PDEATHSIG, prctl
from harness.watch.choice import Choice
from harness.watch.notes import Told

OPTIONS = ("-q", "--no-header", "--continue-on-collection-errors")


@dataclass(frozen=True)
class Ended:
    """How a round ended: pytest's exit code, and what it told, which is None where it came to nothing."""

    exit_code: int
    told: Told | None


def rehearse() -> None:
    """A pytest run of nothing: imports pytest's plugins and the harness the way that pytest imports them.

    None of the project's own files, which every round has to import as they are then.
    """
    silent = io.StringIO()
    with tempfile.TemporaryDirectory() as nothing, redirect_stdout(silent), redirect_stderr(silent):
        pytest.main(["-n0", "--noconftest", "-p", "harness.plugin", "-c", os.devnull, "--rootdir", nothing, nothing])
    gc.collect()
    gc.freeze()  # a child's collector would touch, and so copy, every page


def run_round(arguments: Sequence[str], choice: Choice, looked_into: frozenset[Path]) -> Ended:
    """Runs what was chosen of the scenarios that pytest finds by `arguments`.

    A KeyboardInterrupt ends the round first, in good order, and is then raised.
    """
    told, telling = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.close(told)
        _be_the_round(arguments, choice, looked_into, telling)
    os.close(telling)
    try:
        with os.fdopen(told) as pipe:
            text = pipe.read()
    except KeyboardInterrupt:
        os.kill(child, signal.SIGINT)
        raise
    finally:
        exit_code = _await_end(child)
    return Ended(exit_code, Told(**json.loads(text)) if text else None)


def _await_end(child: int) -> int:
    while True:
        try:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        except KeyboardInterrupt:  # whoever presses Ctrl-C again wants pytest to hurry
            os.kill(child, signal.SIGINT)


def _be_the_round(arguments: Sequence[str], choice: Choice, looked_into: frozenset[Path], telling: int) -> NoReturn:
    code = 1
    try:
        _detach()
        from harness.watch.chosen import Chosen  # imports harness.fixtures, which is pytest's to import

        def tell(text: str) -> None:
            # Where the pipe is broken the watch was killed, and this round with it.
            with suppress(BrokenPipeError), os.fdopen(telling, "w") as pipe:
                pipe.write(text)

        # -n0: what is chosen, and what is told, stays in this process.
        whole = [*OPTIONS, *arguments, "--reuse", "-n0"]
        code = int(pytest.main(whole, plugins=[Chosen(choice, looked_into, tell)]))
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()  # pytest removes old temporary folders there
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os._exit(code)


def _detach() -> None:
    """A process group of its own, so that Ctrl-C reaches it once, from its parent; it ends when that does."""
    os.setpgid(0, 0)
    prctl(PR_SET_PDEATHSIG, signal.SIGINT)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
