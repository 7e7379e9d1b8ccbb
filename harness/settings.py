"""Settings: one frozen object. Precedence: option > environment (HARNESS_*) > pyproject [tool.harness] > default."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import SettingsError

ENV_PREFIX = "HARNESS_"
TABLE = "tool.harness"

ImageMode = Literal["auto", "pull", "build"]
Runner = Literal["auto", "warm", "process"]
StackKind = Literal["containers", "embedded"]
StackChoice = Literal["auto", "containers", "embedded"]

PORTS = ("aws_port", "minio_console_port", "minio_port", "postgres_port", "relay_port")
PLAIN = (
    *(
        "airflow_python",
        "cache_dir",
        "dags_folder",
        "image_mode",
        "region",
        "reuse",
        "run_timeout",
        "runner",
        "stack",
        "start_timeout",
        "warm_idle",
    ),
    *("minio_password", "minio_user", *PORTS),
)
"""The settings that an option or a variable can set, beside the images."""

REGION = r"^[a-z]{2}(-[a-z]+)+-[0-9]$"
Port = Annotated[int, Field(ge=1, le=65535)]


class ProjectImage(BaseModel):
    """An image that a project adds to the catalogue: it is built from `context`, a folder with a Dockerfile.

    The Dockerfile starts `FROM ${PYTHON_IMAGE}`; wheels of `requirements.txt` beside it, if there is one, are
    handed to it in the folder `packages/` (see harness/images/recipes). `files` are files and folders outside
    `context`, relative to the project as well, which it finds beside its Dockerfile under their own names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tag: str
    context: Path
    files: tuple[Path, ...] = ()


class Settings(BaseModel):
    """What the user chose.

    `aliases` maps a service to the names that it also has on the stack's network, for sidecars.
    `image_overrides` maps an image's name to a reference: `quay.io/...:TAG`, or `build:RELEASE` to force the recipe.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: Path
    dags_folder: Path = Path("dags")
    airflow_python: Path | None = None
    """The interpreter that runs `airflow`, relative to the root; None: the one that runs pytest."""
    image_mode: ImageMode = "auto"
    reuse: bool = False
    stack: StackChoice = "auto"
    buckets: tuple[str, ...] = ()
    databases: Mapping[str, Path] = Field(default_factory=dict)
    """Name of each Postgres database -> the file with the SQL of its schema, relative to the root."""
    # Airflow connections by id, and variables of a run; harness.templating says what they can name of the stack.
    connections: Mapping[str, str] = Field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = Field(default_factory=dict, repr=False)
    region: str = Field(
        default="us-east-1", pattern=REGION, description="the AWS region of runs and of the twin's clients"
    )
    aliases: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    images: Mapping[str, ProjectImage] = Field(default_factory=dict)
    image_overrides: Mapping[str, str] = Field(default_factory=dict)
    cache_dir: Path = Field(default_factory=lambda: platformdirs.user_cache_path("airflow-scenario-harness"))
    start_timeout: float = Field(default=60.0, gt=0, description="seconds a service may take to be ready")
    run_timeout: float = Field(default=600.0, gt=0, description="seconds one `airflow dags test` may take")
    runner: Runner = "auto"
    warm_idle: float = Field(default=900.0, gt=0, description="seconds without a run after which a warm host ends")
    # For DAGs that have them in their text. None: a port that is free, a user and a password made anew for each stack.
    # What is fixed is on 127.0.0.1 as well; a password that is fixed is in the project's own files, and not masked.
    minio_port: Port | None = None
    minio_console_port: Port | None = None
    minio_user: str | None = Field(default=None, min_length=3)
    minio_password: str | None = Field(default=None, min_length=8, repr=False)
    postgres_port: Port | None = None
    postgres_passwords: Mapping[str, Annotated[str, Field(min_length=1)]] = Field(default_factory=dict, repr=False)
    """By the name of the database, which is its user's name too."""
    aws_port: Port | None = None
    relay_port: Port | None = None

    @property
    def fixed_ports(self) -> dict[str, int]:
        """Those that are set, by the setting's name. There can be one stack with them at a time."""
        return {name: port for name in PORTS if (port := getattr(self, name)) is not None}

    @property
    def fixed(self) -> tuple[object, ...]:
        """All that is fixed: a stack with other ports, users or passwords is another stack. For JSON."""
        return self.fixed_ports, self.minio_user, self.minio_password, dict(self.postgres_passwords)

    @classmethod
    def load(
        cls,
        root: Path,
        image_names: tuple[str, ...],
        options: Mapping[str, Any] | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> Self:
        """Reads the four sources. `options` holds those that were given, by field name (None: not given).

        `image_names` are the images that the harness brings; `minio` makes `minio_image` a setting. A project's own
        images add theirs. Raises SettingsError.
        """
        values = _pyproject(root)
        own = values.get("images")
        own_names = tuple(own) if isinstance(own, dict) else ()  # what is no table is refused below
        for name in own_names:
            if name in image_names:
                raise SettingsError(
                    f"image {name!r} in pyproject's [{TABLE}.images]: the harness brings one; rename it"
                )
        image_keys = tuple(f"{name}_image" for name in (*image_names, *own_names))
        # The root is where that file lies, and overrides are written one by one, as image_keys.
        for key in values.keys() - (cls.model_fields.keys() - {"root", "image_overrides"}) - set(image_keys):
            raise SettingsError(
                f"unknown setting {key!r} in {root / 'pyproject.toml'}, [{TABLE}]: correct its name, or remove it"
            )
        overrides: dict[str, str] = {}
        for key in (*PLAIN, *image_keys):
            chosen = (options or {}).get(key)
            if chosen is None:
                chosen = environ.get(variable(key)) or None  # set but empty counts as not set
            if chosen is None:
                chosen = values.get(key)
            values.pop(key, None)
            if chosen is None:
                continue
            if key in PLAIN:
                values[key] = chosen
            elif isinstance(chosen, str):
                overrides[key.removesuffix("_image")] = chosen
            else:
                raise SettingsError(_refused(key, "an image is named by a string", chosen))
        try:
            settings = cls.model_validate({**values, "root": root, "image_overrides": overrides})
        except ValidationError as error:
            raise SettingsError(_one_line(error)) from error
        by_port = {port: name for name, port in settings.fixed_ports.items()}
        for name, port in settings.fixed_ports.items():
            if by_port[port] != name:
                raise SettingsError(f"settings {name!r} and {by_port[port]!r} are both port {port}: change one")
        python = settings.airflow_python
        return settings.model_copy(
            update={
                "dags_folder": (root / settings.dags_folder).resolve(),
                # Not resolved: the interpreter of a virtual environment is a link.
                "airflow_python": python and Path(os.path.abspath(root / python)),  # noqa: PTH100
            }
        )


def variable(key: str) -> str:
    """The environment variable of a setting; an image's name may have dashes, which no variable has."""
    return ENV_PREFIX + key.upper().replace("-", "_")


def find_root(start: Path) -> Path:
    """The nearest folder at or above `start` whose pyproject.toml has a [tool.harness] table; else `start`.

    Raises SettingsError where one on the way can't be read.
    """
    for folder in (start, *start.parents):
        if (folder / "pyproject.toml").is_file() and _pyproject(folder):
            return folder
    return start


def _pyproject(root: Path) -> dict[str, Any]:
    file = root / "pyproject.toml"
    try:
        table: Any = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} can't be read as TOML: {error}") from error
    except OSError as error:
        raise SettingsError(f"{file} can't be read: {error.strerror}") from error
    for key in TABLE.split("."):
        table = table.get(key, {})
        if not isinstance(table, dict):
            raise SettingsError(f"{file}: {key!r} of [{TABLE}] is not a table (given: {table!r})")
    return dict(table)


def _one_line(error: ValidationError) -> str:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    return _refused(name, first["msg"], "***" if "password" in name else first.get("input"))


def _refused(name: str, why: str, given: object) -> str:
    where = f"in pyproject's [{TABLE}]"
    if name in PLAIN or name.endswith("_image"):
        where = f"by option, by {variable(name)} or {where}"
    return f"setting {name!r}: {why} (given: {given!r}); set it {where}"
