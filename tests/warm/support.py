"""DAGs written for one test, and runs of them by a chosen runner."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from tenacity import retry, stop_after_delay, wait_fixed

from harness.run import Run
from harness.world import World

DATE = "2021-01-01"
# Valid on both Airflow lines. The return value of `work` is the run's only XCom.
DAG_FILE = """
import datetime as dt
from airflow import DAG
from airflow.providers.standard.operators.python import PythonOperator
{top}

def work(**context):
{work}

with DAG("{dag_id}", schedule=None, start_date=dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)) as dag:
    PythonOperator(task_id="work", python_callable=work)
"""


def write_dag(folder: Path, work: str = "return None", *, top: str = "", dag_id: str = "probe") -> Path:
    """Write a DAG with one task, whose body is `work`; `top` is executed on import of the file."""
    folder.mkdir(parents=True, exist_ok=True)
    body = textwrap.indent(textwrap.dedent(work).strip(), "    ")
    file = folder / f"{dag_id}.py"
    file.write_text(DAG_FILE.format(top=textwrap.dedent(top), work=body, dag_id=dag_id))
    return file


def set_dags_folder(world: World, folder: Path, **settings: Any) -> World:
    chosen = world.settings.model_copy(update={"dags_folder": folder, **settings})
    return dataclasses.replace(world, settings=chosen)


@dataclasses.dataclass
class Runs:
    """Runs of the DAG `probe` in `folder`."""

    world: World
    folder: Path

    def dag(self, work: str = "return None", *, top: str = "", dag_id: str = "probe") -> Path:
        return write_dag(self.folder, work, top=top, dag_id=dag_id)

    def run(
        self,
        work: str | None = None,
        *,
        top: str = "",
        expect: Literal["success", "failure"] = "success",
        environment: Mapping[str, str] | None = None,
        connections: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Run:
        """Run the DAG; with `work`, write the DAG first."""
        if work is not None:
            self.dag(work, top=top)
        return self.world.run(
            "probe", DATE, expect=expect, environment=environment, connections=connections, timeout=timeout
        )

    def get_result(self, work: str | None = None, **options: Any) -> Any:
        """Run the DAG and return the task's return value."""
        return self.run(work, **options).xcoms["work", "return_value"]


def is_alive(pid: int) -> bool:
    """Return whether the process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@retry(stop=stop_after_delay(5), wait=wait_fixed(0.05), reraise=True)
def await_gone(pid: int) -> None:
    assert not is_alive(pid), f"process {pid} is still running"
