"""Read `--to` and `--from`: the versions, files and images that one side of a check has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from harness.errors import SettingsError

FORMS = (
    "write airflow==3.3.2, python==3.12, PACKAGE==VERSION, a requirements file, airflow-python=PATH of an interpreter, "
    "airflow-image=REFERENCE or NAME=REFERENCE of an image"
)
AIRFLOW = "apache-airflow"
LATEST = "latest"
"""Instead of a version: the newest release, see harness.airflow.making.newest."""
FILE = re.compile(r".*[/\\].*|.*\.(txt|in|lock|toml|pip)")
EXPORTS = {
    "uv.lock": "uv export --format requirements-txt",
    "poetry.lock": "poetry export",
    "pdm.lock": "pdm export",
    "Pipfile.lock": "pipenv requirements",
    "pylock.toml": "uv export --format requirements-txt",
}
"""Locks that only their own tool reads, and the command that writes a requirements file."""
EXACT = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)(?P<extras>\[[^\]]*\])?\s*==\s*(?P<version>\S*)")
IMAGE = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)=(?P<reference>[^=\s]\S*)")
PYTHON = re.compile(r"3\.\d+(\.\d+)?")

Kind = Literal["airflow", "python", "package", "file", "image", "airflow-image", "airflow-python"]
OWN_PACKAGES: dict[Kind, str] = {"airflow-image": "image", "airflow-python": "interpreter"}
"""Targets that have their own packages, and what they are."""


@dataclass(frozen=True)
class Target:
    """One value of `--to` or `--from`.

    `name` is a package (normalised), an image, or the kind. `value` is a version, the path of a file, an image's
    reference, or a package's requirement such as `celery[redis]==5.4`.
    """

    kind: Kind
    name: str
    value: str


@dataclass(frozen=True)
class Wanted:
    """What one side has: everything else stays as the project has it.

    `packages` maps a normalised name to its requirement; `images` maps an image of the catalogue to its reference.
    """

    airflow: str | None = None
    python: str | None = None
    packages: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None
    images: Mapping[str, str] = field(default_factory=dict)
    airflow_image: str | None = None
    airflow_python: Path | None = None

    @property
    def changes_environment(self) -> bool:
        """Whether this side needs an Airflow environment other than the project's."""
        return bool(self.airflow or self.python or self.packages or self.file)

    @property
    def label(self) -> str:
        """The targets as text, as the user wrote them."""
        airflow = [f"airflow=={self.airflow}"] if self.airflow else []
        python = [f"python=={self.python}"] if self.python else []
        image = [f"airflow-image={self.airflow_image}"] if self.airflow_image else []
        file = [str(self.file)] if self.file else []
        images = [f"{name}={reference}" for name, reference in self.images.items()]
        return ", ".join([*airflow, *python, *self.packages.values(), *file, *image, *images])


def parse_target(text: str) -> Target:
    """Read one target.

    Raises SettingsError if the target has no known form, or names a file that can't be used.
    """
    if match := EXACT.fullmatch(text.strip()):
        return _parse_version(text, match)
    if match := IMAGE.fullmatch(text):
        return _parse_image(text, match["name"], match["reference"])
    path = Path(text)
    if FILE.fullmatch(text) or path.is_file():
        return _parse_file(path)
    raise SettingsError(f"target {text!r}: {FORMS}")


def _parse_version(text: str, match: re.Match[str]) -> Target:
    name, version = canonicalize_name(match["name"]), match["version"]
    if name == "python":
        if not PYTHON.fullmatch(version) or match["extras"]:
            raise SettingsError(f"target {text!r}: {version!r} is not a version of Python 3: write python==3.12")
        return Target("python", name, version)
    try:
        if version != LATEST:
            Version(version)
            Requirement(text)
    except (InvalidVersion, InvalidRequirement) as error:
        raise SettingsError(
            f"target {text!r}: {version!r} is not one version: write for example {match['name']}==1.2"
        ) from error
    if name in ("airflow", AIRFLOW):
        if match["extras"]:
            raise SettingsError(f"target {text!r}: extras of Airflow can't be named: name their packages, one by one")
        return Target("airflow", AIRFLOW, version)
    return Target("package", name, f"{name}{match['extras'] or ''}=={version}")


def _parse_image(text: str, name: str, reference: str) -> Target:
    try:
        Version(reference)
    except InvalidVersion:
        pass
    else:
        raise SettingsError(
            f"target {text!r}: {reference!r} is a version, not an image: write {name}=={reference} for a package, or "
            f"{name}=REPOSITORY:{reference} for an image"
        )
    if name == "airflow-python":  # not resolved, as the interpreter of a virtual environment is a link
        return Target("airflow-python", name, str(Path.cwd() / reference))
    if name in ("airflow", "airflow-image"):
        return Target("airflow-image", "airflow-image", reference)
    return Target("image", name, reference)


def _parse_file(path: Path) -> Target:
    if not path.is_file():
        raise SettingsError(f"target {str(path)!r}: there is no such file: correct its name, or {FORMS}")
    if command := EXPORTS.get(path.name):
        raise SettingsError(
            f"target {str(path)!r}: only requirements files are read: write one with `{command} > requirements.txt`"
        )
    return Target("file", "file", str(path.resolve()))


def merge_targets(targets: Iterable[Target]) -> Wanted:
    """Return what one side has, from all its targets.

    Raises SettingsError if two of the targets conflict.
    """
    by_name: dict[tuple[Kind, str], Target] = {}
    for target in targets:
        other = by_name.setdefault((target.kind, target.name), target)
        if other.value != target.value:
            raise SettingsError(
                f"targets {_format(other)} and {_format(target)}: one side has one of them: remove the other"
            )

    def value(kind: Kind) -> str | None:
        return next((target.value for target in by_name.values() if target.kind == kind), None)

    def values(kind: Kind) -> dict[str, str]:
        return {target.name: target.value for target in by_name.values() if target.kind == kind}

    file, interpreter = value("file"), value("airflow-python")
    wanted = Wanted(
        airflow=value("airflow"),
        python=value("python"),
        packages=values("package"),
        file=Path(file) if file else None,
        images=values("image"),
        airflow_image=value("airflow-image"),
        airflow_python=Path(interpreter) if interpreter else None,
    )
    own = [target for target in by_name.values() if target.kind in OWN_PACKAGES]
    if len(own) > 1 or (own and wanted.changes_environment):
        what = OWN_PACKAGES[own[0].kind]
        raise SettingsError(
            f"target {_format(own[0])}: the {what} has its own Python and packages: remove the {what}, or the other "
            "targets for packages"
        )
    return wanted


def _format(target: Target) -> str:
    if target.kind in ("airflow", "python"):
        return f"{target.kind}=={target.value}"
    if target.kind in ("image", *OWN_PACKAGES):
        return f"{target.name}={target.value}"
    return target.value
