"""Row 4: a clean metadata database for a scenario, compared with `airflow db migrate`."""

from __future__ import annotations

from pathlib import Path

from benchmarks import inner
from benchmarks.figures import BenchmarkError, Goal, Line


def clean_database(turns: int) -> list[Line]:
    """Compare the clone with a migration, and count migrations once the dump is in the cache."""
    folder = inner.project("metadata", "metadata")
    session = inner.run_pytest(folder, "-k", "test_clean", more={"BENCH_TURNS": str(turns)})
    return [
        Line(
            row=4,
            key="4 clean database",
            what="clean metadata database / airflow db migrate",
            unit="s",
            ours=session.noted("clean"),
            against=session.noted("migration"),
            goal=Goal(0.02),
            note="each of twenty databases, created and dropped one after another",
        ),
        Line(
            row=4,
            key="4 migrations",
            what="migrations when these versions were used before",
            unit="migrations",
            ours=(float(_migrations_with_a_dump()),),
            goal=Goal(0),
            note="with a new cache folder the first pytest migrates, the next one does not",
        ),
    ]


def _migrations_with_a_dump() -> int:
    """Return the number of migrations of the second pytest with a new cache folder."""
    folder = inner.project("metadata-cache", "metadata")
    more = {"BENCH_TURNS": "0", "HARNESS_CACHE_DIR": str(folder / "cache")}
    inner.run_pytest(folder, "-k", "test_up", more=more)
    if not _count_migrations(folder):
        raise BenchmarkError(
            "the first pytest with a new cache folder left no migrate.log, so the second proves nothing"
        )
    inner.run_pytest(folder, "-k", "test_up", more=more)
    return _count_migrations(folder)


def _count_migrations(folder: Path) -> int:
    """Count the migrations of the last pytest, as each pytest empties `tmp` when it starts."""
    return len(list((folder / "tmp").rglob("migrate.log")))
