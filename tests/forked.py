"""Call the `harness` command in a fork of this process, which saves the start of Python and the imports."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NoReturn

from harness.cli import main


def call_in_fork(
    command: Sequence[str], folder: Path, env: Mapping[str, str], timeout: int
) -> subprocess.CompletedProcess[str]:
    """Return what `harness ARGUMENT...` printed in `folder` with exactly `env`. After
    `timeout` seconds SIGALRM ends the command."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = os.fork()
        if process == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)  # pytest-timeout has set a handler
            signal.alarm(timeout)
            _call(command[1:], folder, env, out, err)
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(list(command), code, out.read(), err.read())


def _call(arguments: Sequence[str], folder: Path, env: Mapping[str, str], out: IO[str], err: IO[str]) -> NoReturn:
    code = 1
    try:
        sys.stdout, sys.stderr = out, err
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(env)
        _clear_caches()
        code = main(arguments)
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        out.flush()
        err.flush()
        os._exit(code)


def _clear_caches() -> None:
    """Forget what this process has cached, such as the engine's client."""
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] == "harness"]
    for module in modules:
        for value in list(vars(module).values()):
            if clear := getattr(value, "cache_clear", None):
                clear()
