"""Move a metadata database that the baseline filled to the candidate's Airflow.

Then read it back.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from packaging.version import Version

from harness.airflow.environments import AirflowEnvironment
from harness.airflow.history import EarlierRun, write_history
from harness.airflow.layout import list_variables
from harness.airflow.metadata import MIGRATION_TIMEOUT
from harness.airflow.run_environment import run_environment
from harness.airflow.runners import Execute, ProcessResult
from harness.airflow.xcom_values import decode_xcom
from harness.compare.model import METADATA, MIGRATION, Difference, Section
from harness.compare.verdicts import Verdict
from harness.evidence.document import Versions
from harness.progress import Progress
from harness.services.stack import Stack
from harness.settings import SideName
from harness.world_factory import WorldFactory

CONTENT = {
    "DAG runs": ("dag_id, run_id", "state", "dag_run"),
    "task instances": ("dag_id, run_id, task_id, map_index", "state, try_number", "task_instance"),
    "XComs": ("dag_id, run_id, task_id, map_index, key", "value", "xcom"),
    "connections": ("conn_id", "conn_type, host, login, password, port, extra", "connection"),
    "variables": ("key", "val", "variable"),
    "pools": ("pool", "slots", "slot_pool"),
}
"""What is read back: the columns that identify a row, those of its content, and the table."""
FILL = """
INSERT INTO connection (conn_id, conn_type, host, login, password, port, extra, is_encrypted, is_extra_encrypted)
VALUES ('upgrade_check', 'http', 'example.invalid', 'reader', 'pass', 8080, '{"timeout": 3}', false, false);
INSERT INTO variable (key, val, is_encrypted) VALUES ('upgrade_check', '{"limit": 3}', false)
"""
"""A connection and a variable, because runs get theirs from the environment."""
EARLIER = EarlierRun(
    "upgrade_check",
    dt.datetime(2021, 1, 1, tzinfo=dt.UTC),
    xcoms={("load", "return_value"): {"rows": [1, 2.5, None, True], "text": "\u00e4"}, ("load[0]", "key"): "value"},
)
"""A run with XComs, because the scenario's run may have none."""

NOT_COVERED = "Data of other servers in place (MinIO, Postgres) is not covered: each side starts with new servers."
EXAMPLES = 10

Rows = Mapping[tuple[Any, ...], tuple[Any, ...]]


@dataclass(frozen=True)
class Migration:
    """The result of the migration.

    `counts`: rows before and after, by what they are. `not_done`: why it was not tried. `failed`: why it failed.
    `command` is the command of Airflow that moved the database.
    """

    not_done: str | None = None
    failed: str | None = None
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    """Rows that vanished or changed, in words."""
    command: str = ""


def choose_command(before: Versions, after: Versions) -> tuple[SideName, tuple[str, ...]] | None:
    """Return the side whose Airflow moves the database, and its command.

    Return None if nothing moves. Only the newer Airflow knows the way back to an older one.
    """
    old, new = (
        {name: version for name, version in side.packages.items() if name.startswith("apache-airflow")}
        for side in (before, after)
    )
    if old == new:
        return None
    if Version(after.airflow) < Version(before.airflow):
        return "baseline", ("db", "downgrade", "--to-version", after.airflow, "--yes")
    return "candidate", ("db", "migrate")


def migrate_in_session(
    dump: Path, arguments: Sequence[str], root: Path, options: Sequence[str], progress: Progress
) -> Migration:
    """Execute the command of Airflow on the dump, in a pytest session.

    The session has these `options`, and the command uses its services. Raises HarnessError.
    """
    from harness.run_command.session import run_in_session  # imports pytest

    found: list[Migration] = []

    def work(
        harness_airflow: AirflowEnvironment,
        harness_stack: Stack,
        harness_execute: Execute,
        world_factory: WorldFactory,
        environment: Mapping[str, str],
        tmp_path: Path,
    ) -> None:
        settings = world_factory.settings
        # The variables of a run, so that a warm host which served the runs fits.
        extra = {**list_variables(settings), **world_factory.declared}
        name = harness_stack.postgres.scratch_name()
        harness_stack.postgres.restore(name, dump.read_bytes())
        url = harness_stack.postgres.direct_url(name)
        try:
            env = run_environment(harness_airflow, tmp_path, settings.dags_folder, url, {}, {**extra, **environment})
            command, log = harness_airflow.airflow(*arguments), tmp_path / "migrate.log"
            migrate = partial(harness_execute, command, env, tmp_path, log, MIGRATION_TIMEOUT)
            done = migrate_database(url, migrate, harness_stack.mask)
            found.append(replace(done, command=f"airflow {' '.join(arguments)}"))
        finally:
            harness_stack.postgres.drop(name)

    run_in_session(root, work, options, progress)
    return found[0]


def migrate_database(
    url: str, migrate: Callable[[], ProcessResult], mask: Callable[[str], str] = lambda text: text
) -> Migration:
    """Call `migrate`, and compare what the database holds before and after.

    Before the call, add a run, a connection and a variable.
    """
    write_history(url, [EARLIER])
    with psycopg.connect(url) as connection:
        connection.execute(FILL)
    before = read_content(url)
    result = migrate()
    if result.exit_code != 0:
        lines = [line.strip() for line in result.log.splitlines() if line.strip()]
        return Migration(failed=mask((lines or ["no output"])[-1]))
    return compare_content(before, read_content(url), mask)


def read_content(url: str) -> dict[str, Rows]:
    """Return the rows of CONTENT in a metadata database, with XComs decoded."""
    found: dict[str, Rows] = {}
    with psycopg.connect(url) as connection:
        for what, (key, content, table) in CONTENT.items():
            size = key.count(",") + 1
            rows = connection.execute(f"SELECT {key}, {content} FROM {table}").fetchall()  # noqa: S608
            decode = decode_xcom if what == "XComs" else lambda value: value
            found[what] = {row[:size]: tuple(map(decode, row[size:])) for row in rows}
    return found


def compare_content(
    before: Mapping[str, Rows], after: Mapping[str, Rows], mask: Callable[[str], str] = lambda text: text
) -> Migration:
    """Return what the migration kept, lost and changed."""
    return Migration(
        counts={what: (len(rows), len(after[what])) for what, rows in before.items()},
        lost=tuple(
            mask(line)
            for what, rows in before.items()
            for key, values in rows.items()
            for line in _describe_loss(f"{what}: {', '.join(map(str, key))}", values, after[what].get(key))
        ),
    )


def _describe_loss(row: str, before: Sequence[Any], after: Sequence[Any] | None) -> list[str]:
    if after is None:
        return [f"{row} is gone"]
    return [] if tuple(before) == tuple(after) else [f"{row} changed from {before} to {after}"]


def as_section(migration: Migration) -> Section:
    """Return the section of the report."""
    if migration.not_done:
        return Section(title=MIGRATION, note=f"not done: {migration.not_done}. {NOT_COVERED}")
    if migration.failed:
        return Section(title=MIGRATION, note=f"`{migration.command}` failed: {migration.failed}. {NOT_COVERED}")
    rows = tuple((what, str(before), str(after)) for what, (before, after) in migration.counts.items())
    note = f"By `{migration.command}`. {NOT_COVERED}"
    return Section(title=MIGRATION, note=note, header=("what", "before", "after"), rows=rows)


def as_differences(migration: Migration) -> tuple[Difference, ...]:
    """Return what the migration broke or changed, for the verdict of the check."""
    if migration.failed:
        return (_difference("migration", "regression", f"`{migration.command}` failed: {migration.failed}"),)
    if migration.lost:
        return (_difference("content", "changed", f"{len(migration.lost)} rows changed", migration.lost[:EXAMPLES]),)
    return ()


def _difference(field: str, verdict: Verdict, message: str, detail: tuple[str, ...] = ()) -> Difference:
    return Difference(
        scenario=METADATA,
        service="airflow",
        field=f"metadata.{field}",
        verdict=verdict,
        fails=True,
        message=message,
        detail=detail,
    )
