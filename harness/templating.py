"""What a project's pyproject declares, with the values of a stack put in where it names them: `${minio.url}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Template
from typing import TYPE_CHECKING
from urllib.parse import quote

from harness.errors import SettingsError

if TYPE_CHECKING:
    from harness.services.stack import Stack
    from harness.settings import Settings

OF_AN_ENGINE = ("relay.", "network", "images.")
"""How the names begin of what an embedded stack does not have."""


class _Text(Template):
    """`$$` is a dollar; JSON's braces need no escape."""

    idpattern = r"[a-z][a-z0-9_.-]*"
    flags = re.NOFLAG


def schemas(settings: Settings) -> dict[str, str]:
    """Name of each declared database -> the SQL of its schema. Raises SettingsError where its file can't be read."""
    found = {}
    for name, file in settings.databases.items():
        try:
            found[name] = (settings.root / file).read_text()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or error
            raise SettingsError(
                f"database {name!r}: {file} can't be read ({why}): correct its name in pyproject"
            ) from error
    return found


def values(stack: Stack) -> dict[str, str]:
    """By name, what a declaration can name of this stack."""
    s3 = stack.minio.endpoint
    found = {
        "minio.url": s3.url,
        "minio.url_quoted": quote(s3.url, safe=""),
        "minio.internal": s3.internal,
        "minio.access_key": s3.access_key,
        "minio.secret_key": s3.secret_key,
        "region": stack.aws.region,
        "aws.url": stack.aws.url,
        "aws.url_quoted": quote(stack.aws.url, safe=""),
        **{f"postgres.{name}": stack.postgres.url(name) for name in stack.postgres.names},
    }
    if stack.kind == "containers":
        found |= {"relay.docker_host": stack.relay.docker_host, "network": stack.network}
        found |= {f"images.{name}": image.reference for name, image in stack.images.items()}
    return found


def rendered(declared: Mapping[str, str], known: Mapping[str, str], engine: bool) -> dict[str, str]:
    """Each declaration with its values. Without an `engine` those that name what only one has are left out.

    Raises SettingsError for a name that nobody knows.
    """
    found = {}
    for name, text in declared.items():
        try:
            asked = _Text(text).get_identifiers()
            if not engine and any(one.startswith(OF_AN_ENGINE) for one in asked):
                continue
            found[name] = _Text(text).substitute(known)
        except KeyError as error:
            there = ", ".join(sorted(known))
            raise SettingsError(f"{name} in pyproject: there is no ${{{error.args[0]}}}, but {there}") from error
        except ValueError as error:
            raise SettingsError(f"{name} in pyproject: {error}; write ${{minio.url}}, and $$ for a dollar") from error
    return found
