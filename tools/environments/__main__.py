"""Create, update and lock this repository's Python environments.

    tools/environment make NAME...      create or update `harness` (.venv) and `airflow-LINE` (.harness/airflow/LINE)
    tools/environment refusal NAME...   print why an environment can't be created, in one line, or nothing
    tools/environment locks [--upgrade] write every lock, from pyproject.toml and the .in files
    tools/environment uv ARGUMENT...    run the pinned uv with pip's settings

PYTHON is the interpreter for .venv. An Airflow line uses the Python of .venv if its Airflow supports that Python.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from harness.airflow.making.commands import FailedError
from harness.airflow.making.pythons import NoPythonError
from tools.environments.lines import HARNESS, ROOT, environment
from tools.environments.locks import write_locks
from tools.environments.make import choose, get_uv, make


def main(arguments: Sequence[str]) -> int:
    verb, *names = arguments or ["help"]
    try:
        if verb == "make":
            for name in names:
                make(name, ROOT, os.environ)
        elif verb == "refusal":
            print(_refusal(names))
        elif verb == "locks":
            write_locks(ROOT, get_uv(ROOT, os.environ), upgrade="--upgrade" in names)
        elif verb == "uv":
            uv = get_uv(ROOT, os.environ)
            return subprocess.run([str(uv.program), *names], env=uv.env, check=False).returncode
        else:
            print(__doc__)
            return 2
    except NoPythonError as error:
        print(f"tools/environment: {error}", file=sys.stderr)
        return 2
    except FailedError as error:
        print(f"tools/environment: {error}", file=sys.stderr)
        return 1
    except KeyError as error:
        print(f"tools/environment: unknown environment {error}: use harness or airflow-LINE", file=sys.stderr)
        return 2
    return 0


def _refusal(names: Sequence[str]) -> str:
    try:
        for name in names or [HARNESS]:
            choose(environment(name, ROOT), ROOT, os.environ)
    except NoPythonError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
