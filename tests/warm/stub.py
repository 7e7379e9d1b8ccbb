"""Hosts that start fast: their warm-up uses a stand-in for Airflow, and their runs are `python -c`.

Everything but Airflow is real. A hundred tests of effects on the process take as long as one start of Airflow.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from harness.airflow.environments import describe
from harness.airflow.inside.__main__ import NAME
from harness.airflow.inside.host import SOCKET
from harness.airflow.run_environment import run_environment
from harness.airflow.runners import Execute, ProcessResult
from harness.airflow.runners.host_key import host_key
from harness.airflow.runners.warm import WarmRunner

URL = "postgresql://user:word@127.0.0.1:9/{name}"
HERE = describe(Path(sys.executable))
INSTALLED = "AIRFLOW__STUB__INSTALLED"
FILES = {
    "airflow/__init__.py": f"""
import os, sys
preload = sys.modules.get("{NAME}.preload")
if preload and (extra := os.environ.get("{INSTALLED}")):
    preload.INSTALLED += (extra + os.sep,)
    preload.SECONDS = 1
""",
    "airflow/__main__.py": "import airflow.configuration, airflow.settings\n",
    "airflow/cli/__init__.py": "",
    "airflow/cli/cli_config.py": "",
    "airflow/utils/__init__.py": "",
    "airflow/utils/db.py": "def reflect_tables(tables, session): ...\n",
    "airflow/configuration.py": """
class conf:
    mask_secrets = staticmethod(lambda: None)
""",
    "airflow/settings.py": """
import os
class Session:
    remove = staticmethod(lambda: None)
def configure_vars():
    global DAGS_FOLDER
    DAGS_FOLDER = os.environ["AIRFLOW__CORE__DAGS_FOLDER"]
configure_vars()
def prepare_syspath():
    pass
""",
}


def create_runner(folder: Path, idle: float = 600) -> WarmRunner:
    """Create a warm runner whose remarks fail the test, because most tests expect no fallback to another runner."""

    def remark(line: str) -> None:
        raise AssertionError(line)

    return WarmRunner(HERE, folder, idle, no_database, remark)


@contextmanager
def no_database() -> Iterator[str]:
    yield URL.format(name="warm_up")


@dataclass
class Place:
    """Runs scripts by `execute` in `folder`, each with a new home.

    `airflow` is the folder of the stand-in; `extra` is added to every environment.
    """

    folder: Path
    airflow: Path
    execute: Execute
    extra: Mapping[str, str] = field(default_factory=dict)
    homes: int = 0

    def home(self) -> Path:
        self.homes += 1
        home = self.folder / f"home-{self.homes}"
        home.mkdir(parents=True)
        return home

    def environment(self, home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
        path = {"PYTHONPATH": str(self.airflow)}
        dags = self.folder / "dags"
        return run_environment(HERE, home, dags, URL.format(name=home.name), {}, {**path, **self.extra, **(more or {})})

    def run(self, script: str, *, timeout: float = 60, env: Mapping[str, str] | None = None) -> ProcessResult:
        home = self.home()
        command = [sys.executable, "-c", script]
        return self.execute(command, self.environment(home, env), home, home / "run.log", timeout)

    def get_output(self, script: str, **options: object) -> str:
        """Run the script, assert that it succeeds, and return its output."""
        done = self.run(script, **options)  # type: ignore[arg-type]
        assert done.exit_code == 0, done.log
        return done.log.strip()

    def socket_path(self, runner: WarmRunner, env: Mapping[str, str] | None = None) -> Path:
        return runner.folder / f"{host_key(HERE, self.environment(self.folder, env))}-0" / SOCKET


def write_stub(folder: Path) -> Path:
    for name, text in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def get_host_pid(path: Path) -> int:
    """Return the id of the process that listens on `path`, from the kernel."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        pid, _, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(pid)


def measure_memory(pid: int) -> int:
    """Return the process's proportional set size in bytes."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024


def list_open_files(pid: int) -> list[str]:
    folder = Path(f"/proc/{pid}/fd")
    return [os.readlink(entry) for entry in folder.iterdir()]  # noqa: PTH115 - some links don't name files
