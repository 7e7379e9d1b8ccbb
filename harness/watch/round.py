"""Run one round: pytest in a fork of this process.

This process has imported what every round needs; see warm_up().
"""

from __future__ import annotations

import atexit
import importlib
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
from harness.watch.index import RoundReport
from harness.watch.selection import Selection

USED_BY_SCENARIOS = (
    "harness.airflow.runners.warm",
    "harness.record",
    "harness.report.gather",
    "harness.services.selection",
)
"""What harness.fixtures imports at the first scenario; every round would wait for it."""
OPTIONS = ("-q", "--no-header", "--continue-on-collection-errors")


@dataclass(frozen=True)
class RoundResult:
    """The result of a round: pytest's exit code, and the plugin's report.

    `report` is None if pytest did not finish.
    """

    exit_code: int
    report: RoundReport | None


def warm_up() -> None:
    """Import pytest's plugins and the harness through a pytest run without tests.

    The project's own files are not imported, because every round must import their current contents.
    """
    silent = io.StringIO()
    with tempfile.TemporaryDirectory() as empty, redirect_stdout(silent), redirect_stderr(silent):
        pytest.main(["-n0", "--noconftest", "-p", "harness.plugin", "-c", os.devnull, "--rootdir", empty, empty])
    for module in USED_BY_SCENARIOS:
        importlib.import_module(module)


def run_round(arguments: Sequence[str], selection: Selection, files: frozenset[Path]) -> RoundResult:
    """Run the selected scenarios among those that pytest collects by `arguments`.

    `files` are the files with selected scenarios. After a KeyboardInterrupt, pytest ends the round before this
    function raises the exception.
    """
    receiver, sender = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.close(receiver)
        _run_child(arguments, selection, files, sender)
    os.close(sender)
    try:
        with os.fdopen(receiver) as pipe:
            text = pipe.read()
    except KeyboardInterrupt:
        os.kill(child, signal.SIGINT)
        raise
    finally:
        exit_code = _wait(child)
    return RoundResult(exit_code, RoundReport(**json.loads(text)) if text else None)


def _wait(child: int) -> int:
    while True:
        try:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        except KeyboardInterrupt:  # A second Ctrl-C is passed on, so that pytest ends sooner.
            os.kill(child, signal.SIGINT)


def _run_child(arguments: Sequence[str], selection: Selection, files: frozenset[Path], sender: int) -> NoReturn:
    code = 1
    try:
        _detach()
        # This imports harness.fixtures, which pytest must import first.
        from harness.watch.round_plugin import RoundPlugin

        def send(text: str) -> None:
            # A broken pipe means that the watch was killed.
            with suppress(BrokenPipeError), os.fdopen(sender, "w") as pipe:
                pipe.write(text)

        # -n0: the plugin works in this process only.
        command_line = [*OPTIONS, *arguments, "--harness-reuse", "-n0"]
        code = int(pytest.main(command_line, plugins=[RoundPlugin(selection, files, send)]))
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()  # pytest removes old temporary folders at exit.
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os._exit(code)


def _detach() -> None:
    """Start a new process group, and end with the parent.

    Ctrl-C then arrives once, from the parent, and not from the terminal too.
    """
    os.setpgid(0, 0)
    prctl(PR_SET_PDEATHSIG, signal.SIGINT)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
