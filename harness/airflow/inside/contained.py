"""Run one command of the harness in a container of an Airflow image.

Usage: `python PATH/inside contained REQUEST`. REQUEST is a JSON file: `command`, `env`, `folder`, and `dropped`, the
prefixes of variables of the image that the command does not get. The image's other variables stay, unless `env` has
them: its PATH, and what its entrypoint sets. SIGTERM ends the command with all its descendants, after Python has
printed their stacks.
"""

from __future__ import annotations

import json
import os
import signal
import site
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import supervisor

OWN = ("airflow.db", "dags", "logs", "tmp")
"""Entries of the image's AIRFLOW_HOME that a run has of its own."""


def main(arguments: list[str]) -> None:
    """Execute the request in the file, and exit with its command's exit code."""
    request = json.loads(Path(arguments[0]).read_text())
    env = combine_variables(os.environ, request)
    if "AIRFLOW_HOME" in os.environ and "AIRFLOW_HOME" in request["env"]:
        link_missing(Path(os.environ["AIRFLOW_HOME"]), Path(env["AIRFLOW_HOME"]))
    os.umask(0o002)  # as the official entrypoint
    supervisor.adopt_orphans()
    stopped, control = socket.socketpair()
    signal.signal(signal.SIGTERM, lambda *_: control.close())
    child = subprocess.Popen(
        request["command"],
        env=env,
        cwd=request["folder"],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=supervisor.end_with_parent,
    )
    exit_code = supervisor.await_end(child.pid, [stopped])
    if exit_code is None:
        supervisor.print_stacks(1)
    supervisor.end_descendants()
    sys.exit(128 + signal.SIGTERM if exit_code is None else exit_code if exit_code >= 0 else 128 - exit_code)


def combine_variables(image: Mapping[str, str], request: Mapping[str, Any]) -> dict[str, str]:
    """Return the command's variables: those of the request, then those of the image.

    The official image installs Airflow below the user's HOME, where Python finds it by PYTHONUSERBASE if a run has
    another HOME.
    """
    kept = {name: value for name, value in image.items() if not name.startswith(tuple(request["dropped"]))}
    folders = f"{request['env'].get('PYTHONPATH', '')}{os.pathsep}{image.get('PYTHONPATH', '')}".split(os.pathsep)
    path = {"PYTHONPATH": os.pathsep.join(filter(None, folders))}
    return {"PYTHONUSERBASE": site.getuserbase(), **kept, **request["env"], **path}


def link_missing(image: Path, home: Path) -> None:
    """Link entries of the image's AIRFLOW_HOME, such as airflow.cfg and plugins, into `home`."""
    for entry in image.iterdir() if image.is_dir() and image != home else ():
        target = home / entry.name
        if entry.name == "config" and target.is_dir():
            link_missing(entry, target)
        elif entry.name not in OWN and not target.exists():
            target.symlink_to(entry)
