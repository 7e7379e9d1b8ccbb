"""Row 14: `harness compare` of the evidence of 500 scenarios, which are generated. Without a goal."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import inner
from benchmarks.figures import BenchmarkError, Line
from harness.evidence.document import (
    FolderDocument,
    ObjectDocument,
    RunDocument,
    ScenarioDocument,
    SessionDocument,
    TableDocument,
    TabularSummary,
    TaskDocument,
    Versions,
)

SCENARIOS, ROWS, TASKS = 500, 1000, 5


def compare(turns: int) -> list[Line]:
    """Measure the command on two sides, of which every tenth scenario differs in one column."""
    folder = inner.WORK / "compare"
    shutil.rmtree(folder, ignore_errors=True)
    sides = [write_side(folder / name, drift) for name, drift in (("a", 0.0), ("b", 0.5))]
    size = sum(file.stat().st_size for file in sides[0].iterdir()) / 1e6
    seconds, memory = zip(*(_measure(sides) for _ in range(turns)), strict=True)
    what = f"harness compare of {SCENARIOS} scenarios, {size:.0f} MB of evidence a side"
    return [
        Line(row=14, key="14 seconds", what=what, unit="s", ours=seconds),
        Line(row=14, key="14 memory", what=f"{what}: peak memory", unit="MB", ours=memory),
    ]


def write_side(folder: Path, drift: float) -> Path:
    """Write the evidence of SCENARIOS scenarios, each with a CSV file and a watched table."""
    folder.mkdir(parents=True)
    versions = Versions(harness="0", python="3.12.3", airflow="3.3.2")
    names = tuple(f"scenarios/test_{number}.py::test_it" for number in range(SCENARIOS))
    for number, name in enumerate(names):
        document = ScenarioDocument(
            scenario=name, outcome="passed", versions=versions, runs=(_run(number, drift if number % 10 == 0 else 0.0),)
        )
        (folder / f"{number}.json").write_text(document.model_dump_json())
    session = SessionDocument(scenarios=names, versions=versions)
    (folder / "session.json").write_text(session.model_dump_json())
    (folder / "dags-folder.json").write_text(FolderDocument(schedules={}).model_dump_json())
    return folder


def _run(number: int, drift: float) -> RunDocument:
    rows = [f"{row},{'DE' if row % 3 else 'FR'},{row * 1.5 + drift}" for row in range(ROWS)]
    text = "\n".join(("id,country,price", *rows)) + "\n"
    digests = tuple(hashlib.blake2b(row.encode(), digest_size=8).hexdigest() for row in rows)
    columns = {"id": "integer", "country": "text", "price": "number"}
    summary = TabularSummary(format="csv", columns=columns, rows=ROWS, row_digests=digests)
    content = text.encode()
    stored = ObjectDocument(size=len(content), sha256=hashlib.sha256(content).hexdigest(), text=text, table=summary)
    table = TableDocument(rows=tuple({"id": row, "total": f"{row}.50"} for row in range(ROWS)), total=ROWS)
    tasks = {f"task_{one}": TaskDocument(state="success", tries=1, operator="PythonOperator") for one in range(TASKS)}
    return RunDocument(
        dag_id=f"dag_{number}", date="2021-06-01", state="success", exit_code=0, tasks=tasks,
        objects={"data": {"prices.csv": stored}}, tables={"shop.totals": table},
    )  # fmt: skip


def _measure(sides: list[Path]) -> tuple[float, float]:
    """Return the seconds and the peak memory in MB of the command."""
    began = time.monotonic()
    command = [sys.executable, "-m", "harness", "compare", *map(str, sides)]
    process = subprocess.Popen(command, cwd=inner.ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 1:
        raise BenchmarkError(f"harness compare ended with exit code {process.returncode}, not 1")
    return time.monotonic() - began, usage.ru_maxrss / 1000
