"""Row 4: a clean metadata database for a scenario against `airflow db migrate`."""

from __future__ import annotations

from pathlib import Path

from benchmarks import inner
from benchmarks.figures import BenchmarkError, Goal, Line


def clean_database(turns: int) -> list[Line]:
    """The clone against a migration; and that nothing migrates once the dump is in the cache."""
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
            note="each of twenty made and dropped one after another",
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
    """How often the second pytest with a cache folder of its own migrates, after a first one that has to."""
    folder = inner.project("metadata-cache", "metadata")
    more = {"BENCH_TURNS": "0", "HARNESS_CACHE_DIR": str(folder / "cache")}
    inner.run_pytest(folder, "-k", "test_up", more=more)
    if not _migrated(folder):
        raise BenchmarkError(
            "the first pytest with a new cache folder left no migrate.log, so the second proves nothing"
        )
    inner.run_pytest(folder, "-k", "test_up", more=more)
    return _migrated(folder)


def _migrated(folder: Path) -> int:
    """pytest empties its folder `tmp` at its start, so these are the last one's."""
    return len(list((folder / "tmp").rglob("migrate.log")))
