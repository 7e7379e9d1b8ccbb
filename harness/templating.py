"""Declarations in pyproject: replace `${minio.url}` and the like by a stack's values."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING
from urllib.parse import quote

from harness.airflow.run_environment import NOWHERE
from harness.declarations import config_variable
from harness.errors import SettingsError

if TYPE_CHECKING:
    from harness.services.stack import Stack
    from harness.settings import Settings

SECRET = re.compile("PASS|SECRET|TOKEN|KEY|CREDENTIAL|AUTH|DSN|CONN")
"""In the names of variables that usually hold a secret."""
SHORTEST = 4
"""Characters of a secret; masking shorter values would hide other text."""
ENGINE_PREFIXES = ("relay.", "network", "images.")
"""Prefixes of the names that an embedded stack lacks."""


class _Declaration(Template):
    """A text with `${name}` and `$$` (a dollar); JSON's braces need no escape."""

    idpattern = r"[a-z][a-z0-9_.-]*"
    flags = re.NOFLAG


def read_schemas(settings: Settings) -> dict[str, str]:
    """Map each database to the SQL of its seeds, in which a CSV file is a COPY.

    Raises SettingsError.
    """
    schemas = {}
    for name, files in settings.databases.items():
        try:
            seeds = [_read_seed(settings.root, file) for file in files]
        except SettingsError as error:
            raise SettingsError(f"database {name!r}: {error}") from error.__cause__
        schemas[name] = "\n;\n".join(seeds)  # the last statement of a file may lack its semicolon
    return schemas


def _read_seed(root: Path, file: Path) -> str:
    from harness.services.schema import format_csv_as_sql  # imports psycopg, which few projects' start needs

    try:
        if file.suffix.lower() == ".csv":
            return format_csv_as_sql(file, (root / file).read_text(encoding="utf-8-sig"))
        return (root / file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise SettingsError(f"{file} can't be read ({why}): correct its name in pyproject") from error


def template_values(stack: Stack, root: Path) -> dict[str, str]:
    """Return the values that declarations can refer to, by name; `root` is pyproject's folder."""
    s3 = stack.minio.endpoint
    values = {
        "root": str(root),
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
        values |= {"relay.docker_host": stack.relay.docker_host, "network": stack.network}
        values |= {f"images.{name}": reference for name, reference in stack.images.references.items()}
    return values


class PlaceholderValues(dict[str, str]):
    """Values that declarations can refer to while no services run.

    Nothing listens on the addresses in these values.
    """

    def __init__(self, settings: Settings) -> None:
        netloc = NOWHERE.removeprefix("http://")
        super().__init__({"root": str(settings.root), "region": settings.region, "network": "network"})
        for name in ("minio", "aws"):
            self.update({f"{name}.url": NOWHERE, f"{name}.url_quoted": quote(NOWHERE, safe="")})
        self.update({"minio.internal": netloc, "minio.access_key": "testing", "minio.secret_key": "testing"})
        self.update({"relay.docker_host": f"tcp://{netloc}"})

    def __missing__(self, key: str) -> str:
        """Accept each database and image, because a fixture may declare them too."""
        kind, _, name = key.partition(".")
        if kind == "postgres" and name:
            return f"postgresql://{name}:testing@{NOWHERE.removeprefix('http://')}/{name}"
        if kind == "images" and name:
            return name
        raise KeyError(key)


def render_project(settings: Settings, values: Mapping[str, str], engine: bool) -> dict[str, str]:
    """Return the environment variables of Airflow's variables and settings, and passed ones.

    The setting `pass_environment` names variables of this machine that pass. Raises SettingsError for an unknown name
    in a value.
    """
    config = {
        config_variable(section, name): str(value)
        for section, names in settings.config.items()
        for name, value in names.items()
    }
    variables = {f"AIRFLOW_VAR_{name.upper()}": text for name, text in settings.variables.items()}
    return _read_passed(settings) | render_declarations(config | variables, values, engine)


def find_passed_secrets(settings: Settings) -> list[str]:
    """Return the passed values of variables whose names are those of secrets, for masking."""
    return [value for name, value in _read_passed(settings).items() if SECRET.search(name) and len(value) >= SHORTEST]


def _read_passed(settings: Settings) -> dict[str, str]:
    return {name: os.environ[name] for name in settings.pass_environment if name in os.environ}


def render_declarations(declared: Mapping[str, str], values: Mapping[str, str], engine: bool) -> dict[str, str]:
    """Replace the names in each declaration by their values.

    Without an `engine`, declarations that need one are left out. Raises SettingsError for an unknown name.
    """
    rendered = {}
    for name, text in declared.items():
        try:
            declaration = _Declaration(text)
            if not engine and any(key.startswith(ENGINE_PREFIXES) for key in declaration.get_identifiers()):
                continue
            rendered[name] = declaration.substitute(values)
        except KeyError as error:
            known = ", ".join(sorted(values))
            raise SettingsError(f"{name} in pyproject: unknown ${{{error.args[0]}}}; use one of {known}") from error
        except ValueError as error:
            raise SettingsError(f"{name} in pyproject: {error}; write ${{minio.url}}, and $$ for a dollar") from error
    return rendered
