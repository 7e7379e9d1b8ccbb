"""What every `airflow` process works out anew with the same result: worked out once, in the rehearsal.

On Airflow 2.11 the migrations and the configuration are a third of a run of an empty DAG.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

CONFIGURATION = "airflow.cfg"
YOUNG = 2.0
"""Seconds. Python tells a source from a changed one by its length and the second of its last change."""


def leave_young_sources_uncompiled() -> None:
    """A warm run can be done within the second in which a file was saved, and the next one is to see the next save.

    Python would keep the first one's bytecode, and trust it. No fresh `airflow` is quick enough for that.
    """
    loader: Any = SourceFileLoader
    keep = loader._cache_bytecode

    def _cache_bytecode(self: Any, source_path: str, *rest: Any) -> None:
        if time.time() - os.stat(source_path).st_mtime > YOUNG:  # noqa: PTH116 - as importlib itself does
            keep(self, source_path, *rest)

    loader._cache_bytecode = _cache_bytecode


def remember_migrations() -> None:
    """Airflow compares its database with its migration scripts, a hundred files, before every command.

    They lie in its own package, so the host ends when one of them changes.
    """
    from alembic.script import ScriptDirectory

    read: Callable[..., Any] = ScriptDirectory.from_config.__func__
    known: dict[str | None, Any] = {}

    def from_config(cls: Any, config: Any) -> Any:
        location = config.get_main_option("script_location")
        if location not in known:
            known[location] = read(cls, config)
        return known[location]

    ScriptDirectory.from_config = classmethod(from_config)


def remember_log_templates() -> None:
    """Before every command Airflow asks its database at length what columns its table of log templates has.

    It does so when it has seen that the database is of its own version, in which they are these.
    """
    from airflow.utils import db

    read = db.reflect_tables
    known: list[Any] = []

    def reflect_tables(tables: list[Any] | None, session: Any) -> Any:
        if [getattr(table, "__tablename__", None) for table in tables or ()] != ["log_template"]:
            return read(tables, session)
        if not known:
            known.append(read(tables, session))
        return known[0]

    db.reflect_tables = reflect_tables


def remember_dependants() -> None:
    """Airflow 3's execution API replaces some of its dependencies by others.

    FastAPI then reads the signatures of all dependencies anew in every request, which is meant for tests.
    """
    try:
        from fastapi.dependencies import utils
    except ImportError:  # Airflow 2.11 does without
        return
    read: Callable[..., Any] = utils.get_dependant
    known: dict[Any, Any] = {}

    def get_dependant(**asked: Any) -> Any:
        key = tuple((name, tuple(value) if isinstance(value, list) else value) for name, value in asked.items())
        try:
            if key not in known:
                known[key] = read(**asked)
            return known[key]
        except TypeError:  # a dependency that can't be hashed
            return read(**asked)

    utils.get_dependant = get_dependant


def migration_files() -> list[str]:
    import airflow.migrations

    return [str(file) for folder in airflow.migrations.__path__ for file in Path(folder).rglob("*.py")]


def configuration_in(home: Path) -> str | None:
    """The text of the configuration file that Airflow writes where it finds none; None where it has not."""
    file = home / CONFIGURATION
    return file.read_text() if file.exists() else None


def lay_down_configuration(home: Path, text: str) -> None:
    """As Airflow does: for its owner's eyes alone."""
    file = home / CONFIGURATION
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(text)
