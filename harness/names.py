"""Check the names that a project declares, before anything starts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from harness.errors import SettingsError

SERVICES = ("minio", "postgres", "aws", "relay")
BUCKET = re.compile(r"(?!\d+\.\d+\.\d+\.\d+$)(?!.*(\.\.|\.-|-\.))(?!minio$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# In a worker's slot Postgres appends to the name, and its limit is 63 bytes.
DATABASE = re.compile(r"[a-z][a-z0-9_-]{0,49}")
TAKEN_DATABASE = re.compile(r"postgres|template[01]|public|none|pg_.*")
ALIAS = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
IMAGE = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")
COMBINATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
TAG = re.compile(r"([A-Za-z0-9.-]+(:\d+)?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*(:[\w][\w.-]{0,127})?")


def check_buckets(names: Iterable[str], where: str) -> None:
    """Raise SettingsError for the first bucket that an S3 store refuses.

    `where` names the setting of the buckets.
    """
    seen: set[str] = set()
    for name in names:
        if not BUCKET.fullmatch(name):
            raise SettingsError(
                f"bucket {name!r}: a name has 3 to 63 lower case letters, digits, dots and hyphens, is no IP address "
                f"and not 'minio'; rename it in {where}"
            )
        if name in seen:
            raise SettingsError(f"bucket {name!r} is declared twice: remove one in {where}")
        seen.add(name)


def check_databases(names: Iterable[str], where: str) -> None:
    """Raise SettingsError for the first name that can't be a Postgres database and its owner."""
    for name in names:
        if TAKEN_DATABASE.fullmatch(name):
            raise SettingsError(f"database {name!r}: Postgres has this name; rename yours in {where}")
        if not DATABASE.fullmatch(name):
            raise SettingsError(
                f"database {name!r}: a name has 1 to 50 lower case letters, digits, underscores and hyphens, and "
                f"begins with a letter; rename it in {where}"
            )


def check_aliases(aliases: Mapping[str, Iterable[str]], where: str) -> None:
    """Raise SettingsError for an unknown service, or an alias that is no host name or taken."""
    owners = {service: service for service in SERVICES}
    for service, names in aliases.items():
        if service not in SERVICES:
            raise SettingsError(f"service {service!r} in {where}: use {', '.join(SERVICES)}")
        for name in names:
            if not ALIAS.fullmatch(name):
                raise SettingsError(
                    f"alias {name!r} of {service}: a name has 1 to 63 letters, digits, dots, underscores and hyphens; "
                    f"rename it in {where}"
                )
            if owners.setdefault(name, service) != service:
                raise SettingsError(
                    f"alias {name!r} of {service}: {owners[name]} has the same name; rename it in {where}"
                )


def check_images(tags: Mapping[str, str], where: str) -> None:
    """Raise SettingsError for an image's name or tag that the engine refuses.

    `tags` is by name.
    """
    for name, tag in tags.items():
        if not IMAGE.fullmatch(name):
            raise SettingsError(
                f"image {name!r}: a name has lower case letters, digits and single dots, underscores and hyphens "
                f"between them; rename it in {where}"
            )
        if not TAG.fullmatch(tag):
            raise SettingsError(
                f"image {name!r}: tag {tag!r} is not an image reference; write a lower case NAME or NAME:TAG in {where}"
            )


def check_combinations(names: Iterable[str], where: str) -> None:
    """Raise SettingsError for the first combination that can't name a folder and an artifact."""
    for name in names:
        if not COMBINATION.fullmatch(name):
            raise SettingsError(
                f"combination {name!r}: a name has 1 to 64 letters, digits, dots, underscores and hyphens, and begins "
                f"with a letter or a digit; rename it in {where}"
            )
