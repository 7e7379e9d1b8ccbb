"""Checks of the data in a project's declarations.

The data are seed objects, watched tables and rules for evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from harness.errors import SettingsError

WATCHED = re.compile(r"[^.]+(\.[^.]+){1,2}")
SOURCE = "in pyproject's [tool.harness]"


def check_object_names(setting: str, objects: Iterable[str], buckets_setting: str, buckets: Iterable[str]) -> None:
    """Raise SettingsError unless each object is in a declared bucket and has a valid key.

    An object is `BUCKET/KEY`.
    """
    for name in objects:
        bucket, *parts = name.split("/")
        if bucket not in buckets:
            raise SettingsError(
                f"{setting} {name!r} {SOURCE}: no bucket {bucket!r} is declared: add it to {buckets_setting}, or "
                "correct the name"
            )
        if {"", ".", ".."} & set(parts):
            raise SettingsError(f"{setting} {name!r} {SOURCE}: a key has no empty part, `.` or `..`: correct the name")


def check_watched_names(watched: Iterable[str]) -> None:
    """Raise SettingsError unless each name is DATABASE.TABLE or DATABASE.SCHEMA.TABLE."""
    for name in watched:
        if not WATCHED.fullmatch(name):
            raise SettingsError(f"watch {name!r} {SOURCE}: write DATABASE.TABLE or DATABASE.SCHEMA.TABLE")


def check_watched_databases(watched: Iterable[str], databases: Iterable[str]) -> None:
    """Raise SettingsError if a watched table is in a database that is not declared."""
    declared = sorted(databases)
    for name in watched:
        if name.partition(".")[0] not in declared:
            raise SettingsError(
                f"watch {name!r} {SOURCE}: the declared databases are {', '.join(declared) or '(none)'}: declare the "
                "database, or correct the name"
            )


def check_rules(rules: Iterable[tuple[str, str]]) -> None:
    """Raise SettingsError unless each rule has a usable pattern and word.

    The pattern is a regular expression, and the word can replace its matches.
    """
    for pattern, word in rules:
        source = f"normalise {pattern!r} in pyproject's [[tool.harness.normalise]]"
        try:
            matches_nothing = re.compile(pattern).sub(word, "") != "" or re.search(pattern, "")
        except (re.error, IndexError) as error:
            raise SettingsError(f"{source}: not a regular expression with a word ({error}): correct it") from error
        if matches_nothing:
            raise SettingsError(f"{source}: it matches an empty text, which is everywhere: make it longer")
