"""Row 11: export a million listings to MinIO, with the DAG's operator and a plain script."""

from __future__ import annotations

import shutil

from benchmarks import inner
from benchmarks.figures import Goal, Line
from benchmarks.kept import down


def million(turns: int) -> list[Line]:
    dags = inner.WORK / "projects" / "export-dags"
    shutil.rmtree(dags, ignore_errors=True)
    own = inner.ROOT / "dags" / "inside_airbnb"
    shutil.copytree(inner.HERE / "dags_export", dags, ignore=shutil.ignore_patterns("__pycache__"))
    (dags / "inside_airbnb").mkdir()
    for name in ("__init__.py", "postgres_to_s3.py"):
        shutil.copy(own / name, dags / "inside_airbnb")
    folder = inner.project("export", "export", dags, 'buckets = ["export"]')
    try:
        session = inner.run_pytest(folder, more={"BENCH_TURNS": str(turns), "BENCH_SCHEMA": str(own / "schema.sql")})
    finally:
        down(folder)
    goal = Goal(0.5, at_least=True)
    what = "a million listings to MinIO: the DAG's operator / a plain script that pipes COPY to the object"
    operator = session.noted("operator")
    return [
        Line(11, "11 export", what, "rows/s", operator, session.noted("quoted"), goal, "the same bytes"),
        Line(
            11,
            "11 export plain",
            what,
            "rows/s",
            operator,
            session.noted("plain"),
            None,
            "the shortest COPY, NULLs bare",
        ),
    ]
