"""Settings: one frozen object, from options, environment, pyproject and defaults."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import platformdirs
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from harness.declarations import check_config, check_environment, check_pass_environment, check_variables
from harness.declared_data import check_object_names, check_rules, check_watched_names
from harness.errors import SettingsError
from harness.names import check_aliases, check_buckets, check_combinations, check_databases, check_images

ENV_PREFIX = "HARNESS_"
LONGEST_TIMEOUT = 1e6
"""Seconds; the operating system refuses much longer waits."""
TABLE = "tool.harness"

ImageMode = Literal["auto", "pull", "build"]
Runner = Literal["auto", "warm", "process"]
StackKind = Literal["containers", "embedded"]
StackChoice = Literal["auto", "containers", "embedded"]
Waits = Literal["real", "short"]
SideName = Literal["baseline", "candidate"]

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
        "waits",
        "warm_idle",
    ),
    *("minio_password", "minio_user", *PORTS),
)
"""The settings that have an option and a variable, besides the images."""

REGION = r"^[a-z]{2}(-[a-z]+)+-[0-9]$"
Port = Annotated[int, Field(ge=1, le=65535)]
Files = Annotated[tuple[Path, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str | Path) else value)]
"""One file or several ones."""


class ProjectImage(BaseModel):
    """An image of the project, built from `context`, a folder with a Dockerfile.

    The Dockerfile starts with `FROM ${PYTHON_IMAGE}`. If `context` has a `requirements.txt`, its wheels are in the
    build's folder `packages/` (see harness/images/recipes). `files` are further files and folders, relative to the
    project, which the build finds beside the Dockerfile under their own names.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tag: str
    context: Path
    files: tuple[Path, ...] = ()


class Combination(BaseModel):
    """A combination of `harness matrix`: what it changes in what the project has.

    `to` has targets as `harness upgrade --to` takes them. `without` maps scenarios that can't run there, as files or
    node ids relative to the project, to the reason.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: tuple[str, ...] = ()
    dags_folder: Path | None = None
    without: Mapping[str, Annotated[str, Field(min_length=1)]] = Field(default_factory=dict)


class SideDeclarations(BaseModel):
    """What one side of an upgrade check declares in addition, or instead of the project's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    connections: Mapping[str, str] = Field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = Field(default_factory=dict, repr=False)


class UpgradeSettings(BaseModel):
    """What the sides of `harness upgrade` declare."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    baseline: SideDeclarations = SideDeclarations()
    candidate: SideDeclarations = SideDeclarations()

    def side(self, name: SideName | None) -> SideDeclarations:
        return SideDeclarations() if name is None else self.candidate if name == "candidate" else self.baseline


class NormalisingRule(BaseModel):
    """A rule of a project for recorded evidence: what `pattern` matches is replaced by `word`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pattern: str
    word: str


class Settings(BaseModel):
    """The settings of a project.

    `aliases` maps a service to its additional names on the stack's network, for sidecars. `image_overrides` maps an
    image's name to a reference: `quay.io/...:TAG`, or `build:RELEASE` to force the recipe.
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
    aws_buckets: tuple[str, ...] = ()
    """Buckets of the AWS mock."""
    objects: Mapping[str, Path] = Field(default_factory=dict)
    """Seed objects of the S3 store: BUCKET/KEY -> a file, or BUCKET/PREFIX -> a folder, relative to the root."""
    aws_objects: Mapping[str, Path] = Field(default_factory=dict)
    """Seed objects of the AWS mock, in the same form."""
    databases: Mapping[str, Files] = Field(default_factory=dict)
    """Name of each Postgres database -> its seeds, SQL and CSV files in their order, relative to the root."""
    watch: tuple[str, ...] = ()
    """Tables whose rows are evidence: DATABASE.TABLE, or DATABASE.SCHEMA.TABLE."""
    normalise: tuple[NormalisingRule, ...] = ()
    """Further rules for texts in recorded evidence that differ in every run."""
    # Airflow connections by id, and variables of a run. harness.templating lists the names that they can refer to.
    connections: Mapping[str, str] = Field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = Field(default_factory=dict, repr=False)
    # What Airflow reads besides connections: harness.templating renders the texts, harness.airflow.layout the folders.
    variables: Mapping[str, str] = Field(default_factory=dict, repr=False)
    """Name of each Airflow variable -> its value; JSON is written as a text."""
    pools: Mapping[Annotated[str, Field(min_length=1, max_length=256)], Annotated[int, Field(ge=-1, lt=2**31)]] = Field(
        default_factory=dict
    )
    """Name of each pool -> its slots; -1: no limit."""
    config: Mapping[str, Mapping[str, str | bool | int | float]] = Field(default_factory=dict, repr=False)
    """Section -> name -> value of Airflow's own settings."""
    pythonpath: tuple[Path, ...] = ()
    """Folders on the Python path of runs, relative to the root."""
    plugins_folder: Path | None = None
    """The folder of Airflow's plugins, relative to the root; None: `plugins` beside the dags folder, if it exists."""
    around: Path | None = None
    """The folder around edited DAGs, which an upgrade check gives a side; None: that around the dags folder."""
    pass_environment: tuple[str, ...] = ()
    """Variables of this machine that runs see, if they are set."""
    region: str = Field(
        default="us-east-1", pattern=REGION, description="AWS region of runs and of the AWS mock's clients"
    )
    aliases: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    images: Mapping[str, ProjectImage] = Field(default_factory=dict)
    image_overrides: Mapping[str, str] = Field(default_factory=dict)
    matrix: Mapping[str, Combination] = Field(default_factory=dict)
    """Name of each combination of `harness matrix` -> what it changes."""
    cache_dir: Path = Field(default_factory=lambda: platformdirs.user_cache_path("airflow-scenario-harness"))
    start_timeout: float = Field(default=60.0, gt=0, description="seconds a service may take to be ready")
    run_timeout: float = Field(
        default=600.0, gt=0, le=LONGEST_TIMEOUT, description="seconds one `airflow dags test` may take"
    )
    runner: Runner = "auto"
    waits: Waits = Field(
        default="real", description="short: the waits between retries, pokes and polls of tasks last at most a second"
    )
    warm_idle: float = Field(default=900.0, gt=0, description="seconds without a run after which a warm host ends")
    upgrade: UpgradeSettings = UpgradeSettings()
    # Fixed values, for DAGs that contain them. None: a free port, and a user and a password generated for each stack.
    # Fixed ports are on 127.0.0.1 too. Fixed passwords are in the project's own files, so they are not masked.
    minio_port: Port | None = None
    minio_console_port: Port | None = None
    minio_user: str | None = Field(default=None, min_length=3)
    minio_password: str | None = Field(default=None, min_length=8, repr=False)
    postgres_port: Port | None = None
    postgres_passwords: Mapping[str, Annotated[str, Field(min_length=1)]] = Field(default_factory=dict, repr=False)
    """Database, whose user has the same name -> password of that user."""
    aws_port: Port | None = None
    relay_port: Port | None = None

    def of_side(self, side: SideName) -> Self:
        """Return the settings of a side of an upgrade check, with its connections and environment."""
        own = self.upgrade.side(side)
        connections, environment = {**self.connections, **own.connections}, {**self.environment, **own.environment}
        return self.model_copy(update={"connections": connections, "environment": environment})

    @property
    def airflow_image(self) -> str | None:
        """The image in which every run is made; None: Airflow is on this machine."""
        return self.image_overrides.get("airflow")

    @property
    def fixed_ports(self) -> dict[str, int]:
        """The ports that are set, by the setting's name. Only one stack at a time can have them."""
        return {name: port for name in PORTS if (port := getattr(self, name)) is not None}

    @property
    def fixed(self) -> tuple[object, ...]:
        """All fixed values as JSON types; a reused stack must have the same ones."""
        return self.fixed_ports, self.minio_user, self.minio_password, dict(self.postgres_passwords)

    @classmethod
    def load(
        cls,
        root: Path,
        image_names: tuple[str, ...],
        options: Mapping[str, Any] | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> Self:
        """Read the four sources. `options` are the given options by field name (None: not given).

        `image_names` are the built-in images; the image `minio` adds the setting `minio_image`, as do the project's own
        images. Raises SettingsError.
        """
        values = _read_pyproject(root)
        own = values.get("images")
        own_names = tuple(own) if isinstance(own, dict) else ()  # other types are refused below
        for name in own_names:
            if name in image_names:
                raise SettingsError(
                    f"image {name!r} in pyproject's [{TABLE}.images]: a built-in image has this name; rename yours"
                )
        image_keys = tuple(f"{name}_image" for name in (*image_names, *own_names))
        # The root is the folder of pyproject.toml, and overrides are set one by one, as image_keys.
        for key in values.keys() - (cls.model_fields.keys() - {"root", "image_overrides", "around"}) - set(image_keys):
            raise SettingsError(
                f"unknown setting {key!r} in {root / 'pyproject.toml'}, [{TABLE}]: correct its name, or remove it"
            )
        overrides: dict[str, str] = {}
        for key in (*PLAIN, *image_keys):
            value = (options or {}).get(key)
            if value is None:
                value = environ.get(variable(key)) or None  # an empty variable counts as not set
            if value is None:
                value = values.get(key)
            values.pop(key, None)
            if value is None:
                continue
            if key in PLAIN:
                values[key] = value
            elif value == "":
                continue  # as if no source had one
            elif isinstance(value, str):
                overrides[key.removesuffix("_image")] = value
            else:
                raise SettingsError(_format_refusal(key, "an image reference is a string", value))
        try:
            settings = cls.model_validate({**values, "root": root, "image_overrides": overrides})
        except ValidationError as error:
            raise SettingsError(_format_error(error)) from error
        check_buckets(settings.buckets, f"pyproject's [{TABLE}] buckets")
        check_buckets(settings.aws_buckets, f"pyproject's [{TABLE}] aws_buckets")
        check_databases(settings.databases, f"pyproject's [{TABLE}.databases]")
        check_aliases(settings.aliases, f"pyproject's [{TABLE}.aliases]")
        check_images({name: image.tag for name, image in settings.images.items()}, f"pyproject's [{TABLE}.images]")
        check_combinations(settings.matrix, f"pyproject's [{TABLE}.matrix]")
        by_port = {port: name for name, port in settings.fixed_ports.items()}
        for name, port in settings.fixed_ports.items():
            if by_port[port] != name:
                raise SettingsError(f"settings {name!r} and {by_port[port]!r} are both port {port}: change one of them")
        check_config(settings.config)
        for declared in (settings, settings.upgrade.baseline, settings.upgrade.candidate):
            check_environment(declared.environment)
        check_variables(settings.variables)
        check_pass_environment(settings.pass_environment)
        check_object_names("objects", settings.objects, "buckets", settings.buckets)
        check_object_names("aws_objects", settings.aws_objects, "aws_buckets", settings.aws_buckets)
        check_watched_names(settings.watch)
        check_rules((rule.pattern, rule.word) for rule in settings.normalise)
        python = settings.airflow_python
        return settings.model_copy(
            update={
                "dags_folder": _resolve(root, settings.dags_folder),
                "pythonpath": tuple(_resolve(root, folder) for folder in settings.pythonpath),
                "plugins_folder": settings.plugins_folder and _resolve(root, settings.plugins_folder),
                # Not resolved: the interpreter of a virtual environment is a link.
                "airflow_python": python and Path(os.path.abspath(root / python)),  # noqa: PTH100
            }
        )


def variable(key: str) -> str:
    """Return the environment variable of a setting; dashes in the name become underscores."""
    return ENV_PREFIX + key.upper().replace("-", "_")


def find_root(start: Path) -> Path:
    """Return the nearest folder from `start` up with a [tool.harness] table; else `start`.

    Raises SettingsError if a pyproject.toml on the way can't be read.
    """
    for folder in (start, *start.parents):
        if (folder / "pyproject.toml").is_file() and _read_pyproject(folder):
            return folder
    return start


def _read_pyproject(root: Path) -> dict[str, Any]:
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
            raise SettingsError(f"{file}: {key!r} of [{TABLE}] is not a table (given: {table!r}): write [{TABLE}]")
    return dict(table)


def _resolve(root: Path, path: Path) -> Path:
    """Return the path, relative to the root or with `${root}` in it, as an absolute path."""
    return (root / str(path).replace("${root}", str(root))).resolve()


def _format_error(error: ValidationError) -> str:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    return _format_refusal(name, first["msg"], "***" if "password" in name else first.get("input"))


def _format_refusal(name: str, why: str, value: object) -> str:
    source = f"in pyproject's [{TABLE}]"
    if name in PLAIN or name.endswith("_image"):
        source = f"by option, by {variable(name)} or {source}"
    return f"setting {name!r}: {why} (given: {value!r}); set it {source}"
