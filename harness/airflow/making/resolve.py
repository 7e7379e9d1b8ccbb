"""Decide which packages a side has.

A target such as `airflow==3.3.2` or `pandas==3.0` names one package; this module decides about all others.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Container
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests
from packaging.version import Version

from harness.airflow.making.commands import FailedError
from harness.airflow.making.current import AIRFLOW_ITSELF
from harness.airflow.making.file_constraints import Loosened, loosen_constraints, mask, read_text
from harness.airflow.making.index import fetch, list_releases, supports_python
from harness.airflow.making.locks import Lock, name_of, read_resolved
from harness.airflow.making.own_projects import part_projects
from harness.airflow.making.pythons import NoPythonError, Python, find, probe
from harness.airflow.making.requirements_file import keep_extras, read_lines, read_lock
from harness.airflow.making.targets import AIRFLOW, Wanted
from harness.airflow.making.uv import Uv, explain, find_uv
from harness.errors import AirflowEnvironmentError, SettingsError
from harness.progress import SILENT, Progress, announce

CONSTRAINTS = "https://raw.githubusercontent.com/apache/airflow/constraints-{airflow}/constraints-{python}.txt"
"""The versions that Airflow's own tests passed with."""
PROVIDER = "apache-airflow-providers-"
WEB_LOGIN = "apache-airflow-providers-fab"
"""Required by Airflow 2 for its web server, and of no use to a run."""
FUTURE = "2999-12-31T00:00:00Z"


@dataclass(frozen=True)
class Sources:
    """Where versions come from, if the user says so.

    The options are `--resolved-at` and `--constraints` (a file or an address).
    """

    resolved_at: datetime | None = None
    constraints: str | None = None


@dataclass(frozen=True)
class Inputs:
    """What uv resolves.

    `preferred` are pins that stay unless they conflict. Packages uploaded after `moment` are left out, except `exempt`.
    The packages `apart` are installed without being resolved.
    """

    requirements: tuple[str, ...]
    preferred: tuple[str, ...] = ()
    exempt: tuple[str, ...] = ()
    moment: datetime | None = None
    constraints: str = ""
    source: str = ""
    notes: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()


def parse_moment(text: str) -> datetime:
    """Read the value of `--resolved-at`: the end of a day, or a time. Raises SettingsError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(
            f"--resolved-at {text!r} is not a date: write 2026-09-18 or 2026-09-18T12:00:00+00:00"
        ) from error
    if re.fullmatch(r"[\d-]+", text):
        moment = moment.replace(hour=23, minute=59, second=59)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def resolve(
    wanted: Wanted, before: Lock, cache_dir: Path, sources: Sources = Sources(), progress: Progress = SILENT
) -> Lock:
    """Return the packages of a side that is `before` with the wanted changes.

    - A moved package: every other package keeps its version, unless it conflicts.
    - A moved Airflow: providers and the packages that no other package requires stay, and all versions are those of
      Airflow's official constraints, or of the day after the release if the constraints can't be fetched.
    - A requirements file: what pip makes of it today, if the file has Airflow; otherwise its packages are moved.
    - A package named beside a file moves: its line in the file yields. A file that pins all packages is `before` then.

    `sources` decide otherwise. Raises AirflowEnvironmentError if there is no such environment.
    """
    if not wanted.changes_environment:
        return before
    if wanted.file and (wanted.airflow or wanted.packages) and (lock := read_lock(wanted.file, before)):
        wanted, before = replace(wanted, file=None), lock
    log = _create_log(cache_dir, repr((wanted, before, sources)))
    uv = find_uv(log)
    python = _find_python(wanted, before)
    with announce(progress, "environment", f"resolving the packages of {wanted.label}"):
        own = loosen_constraints(read_lines(wanted.file) if wanted.file else before.top_level, wanted, uv.env)
        moved = wanted.airflow if own.other_airflow or wanted.airflow != before.airflow else None
        uploaded = check_release(moved, python, uv) if moved else None
        inputs = _choose_inputs(wanted, before, own, moved, uploaded, python, sources, uv)
        inputs = _part(_add_own(inputs, own), before, wanted)
        output = _compile(inputs, python, uv)
    requirements, top_level = read_resolved(output)
    top_level = tuple(line for line in top_level if name_of(line) not in AIRFLOW_ITSELF)
    apart = inputs.apart
    return Lock(
        python.command, python.version, (*requirements, *apart), (*top_level, *apart), inputs.source, inputs.notes
    )


def _create_log(cache_dir: Path, content: str) -> Path:
    log = cache_dir / "logs" / f"environment-{hashlib.sha256(content.encode()).hexdigest()[:16]}.log"
    log.unlink(missing_ok=True)
    return log


def _find_python(wanted: Wanted, before: Lock) -> Python:
    """Return the interpreter of the wanted version, by default that of `before`."""
    if wanted.python is None:
        if python := probe(before.python):
            return python
        raise AirflowEnvironmentError(
            f"the Python of the environment, {before.python}, does not run: name one, python==3.12"
        )
    # PYTHON would replace the search, and the two sides may need different Pythons.
    env = {name: value for name, value in os.environ.items() if name != "PYTHON"}
    try:
        return find([wanted.python], [before.python], env, needs_venv=False, remedy="Install it, or name another one")
    except NoPythonError as error:
        raise AirflowEnvironmentError(str(error)) from error


def check_release(version: str, python: Python, uv: Uv) -> datetime | None:
    """Return when this Airflow was uploaded, None if the index does not say, or answers only uv.

    Raises AirflowEnvironmentError if the index lacks it, or if it is not for this Python: uv ignores upper bounds.
    """
    try:
        releases = list_releases(AIRFLOW, uv.env) or {}
    except AirflowEnvironmentError:
        return None  # uv may have certificates or a login that requests lacks
    release = releases.get(Version(version))
    if releases and release is None:
        newest = sorted(found for found in releases if not found.is_prerelease)[-3:]
        raise AirflowEnvironmentError(
            f"airflow=={version}: the package index has no such version; the newest are {', '.join(map(str, newest))}"
        )
    if release and not supports_python(release.requires_python, python.version):
        raise AirflowEnvironmentError(
            f"airflow=={version} needs Python {release.requires_python}, and this one is {python.version} "
            f"({python.command}): name another one, such as python==3.12"
        )
    return release.uploaded if release else None


def _choose_inputs(
    wanted: Wanted,
    before: Lock,
    own: Loosened,
    moved: str | None,
    uploaded: datetime | None,
    python: Python,
    sources: Sources,
    uv: Uv,
) -> Inputs:
    lines, top_level = (own.lines, before.top_level) if wanted.file else ((), own.lines)
    in_file = set(filter(None, map(name_of, lines)))
    named = {*wanted.packages, *in_file, *(AIRFLOW_ITSELF if moved else ())}
    # A file with Airflow is a whole environment; other files list only what the project adds.
    whole = not in_file.isdisjoint(AIRFLOW_ITSELF)
    if not (whole or moved or before.airflow):
        raise AirflowEnvironmentError(
            f"{wanted.label}: the project has no Airflow to add this to: add airflow==VERSION as another target"
        )
    kept = [] if whole else [line for line in top_level if name_of(line) not in named]
    if moved and not whole:
        # Airflow 3 requires providers that 2 does not, and the reverse, but DAGs go on to import them.
        providers = (name for name in before.packages if name.startswith(PROVIDER) and name != WEB_LOGIN)
        kept += [name for name in providers if name not in {*named, *kept}]
    if not moved and (wanted.airflow or not whole):
        kept += [line for line in before.requirements if name_of(line) in AIRFLOW_ITSELF]
    added = [f"{AIRFLOW}=={moved}"] if moved else []
    named_alone = {*wanted.packages, *(AIRFLOW_ITSELF if wanted.airflow else ())}
    if in_file.isdisjoint(named_alone) and not own.notes:
        added += [f"-r {wanted.file}"] if wanted.file else []
    else:
        added += [line for line in lines if name_of(line) not in named_alone]
    extras = keep_extras([*before.requirements, *lines], {*wanted.packages, *([AIRFLOW] if wanted.airflow else [])})
    requirements = (*kept, *added, *extras, *wanted.packages.values())
    pinned = (name_of(line) for line in lines if "==" in line)
    exempt = tuple(filter(None, (*wanted.packages, *pinned)))
    decided = {*exempt, *AIRFLOW_ITSELF}
    if sources.constraints:
        text = _drop(_read_constraints(sources.constraints, uv), decided)
        source = f"constraints {mask(sources.constraints)}"
        return Inputs(requirements, (), exempt, sources.resolved_at, text, source)
    if sources.resolved_at:
        return Inputs(
            requirements, (), exempt, sources.resolved_at, source=f"resolved as of {sources.resolved_at:%Y-%m-%d}"
        )
    if not moved:
        preferred = () if whole else tuple(line for line in before.requirements if name_of(line) not in named)
        return Inputs(requirements, preferred, source="the file" if whole else before.source)
    address = CONSTRAINTS.format(airflow=moved, python=python.minor)
    try:
        text = fetch(address, uv.env)
    except requests.RequestException as error:
        if uploaded is None:
            list_releases(AIRFLOW, uv.env)  # raises the reason, if the index does not answer
            raise AirflowEnvironmentError(
                f"airflow=={moved}: its constraints can't be fetched ({type(error).__name__}), and the package index "
                "does not say when files were uploaded: add --constraints FILE"
            ) from error
        # The files of Airflow's distributions are uploaded one after the other.
        moment = uploaded + timedelta(days=1)
        note = f"airflow=={moved}: its official constraints can't be fetched ({type(error).__name__}: {address})"
        return Inputs(requirements, (), exempt, moment, "", f"resolved as of {moment:%Y-%m-%d}", (note,))
    return Inputs(requirements, (), exempt, None, _drop(text, decided), "Airflow's official constraints")


def _add_own(inputs: Inputs, own: Loosened) -> Inputs:
    """Return the inputs with what remains of the constraints of a requirements file."""
    decided = set(map(name_of, own.pins))
    return replace(
        inputs,
        preferred=(*own.pins, *(line for line in inputs.preferred if name_of(line) not in decided)),
        constraints="\n".join(filter(None, (inputs.constraints, *own.bounds))),
        notes=(*inputs.notes, *own.notes),
    )


def _part(inputs: Inputs, before: Lock, wanted: Wanted) -> Inputs:
    """Return the inputs without the packages of the project that exclude a target."""
    parted = part_projects(inputs.requirements, before.projects, wanted)
    return replace(
        inputs,
        requirements=parted.resolved,
        preferred=tuple(line for line in inputs.preferred if line not in parted.apart),
        notes=(*inputs.notes, *parted.notes),
        apart=parted.apart,
    )


def _read_constraints(source: str, uv: Uv) -> str:
    """Return the text of a file or an address."""
    try:
        return read_text(source, uv.env)
    except (OSError, UnicodeDecodeError) as error:  # requests' errors are OSErrors
        why = getattr(error, "strerror", None) or type(error).__name__
        raise AirflowEnvironmentError(
            f"--constraints {mask(source)}: it can't be read ({why}): correct its name"
        ) from error


def _drop(constraints: str, names: Container[str]) -> str:
    """Return the constraints without these packages, whose versions the user names."""
    return "".join(f"{line}\n" for line in constraints.splitlines() if name_of(line) not in names)


def _compile(inputs: Inputs, python: Python, uv: Uv) -> str:
    """Return the output of `uv pip compile`.

    Raises AirflowEnvironmentError with the reason that uv gives.
    """
    options = ["-q", "--no-header", "--annotation-style", "line", "--python", python.command]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {"in.txt": inputs.requirements, "out.txt": inputs.preferred, "constraints.txt": (inputs.constraints,)}
        for file, lines in files.items():
            (folder / file).write_text("".join(f"{line}\n" for line in lines))
        if inputs.constraints:
            options += ["-c", str(folder / "constraints.txt")]
        if inputs.moment:
            options += ["--exclude-newer", inputs.moment.astimezone(UTC).isoformat()]
            options += [word for name in inputs.exempt for word in ("--exclude-newer-package", f"{name}={FUTURE}")]
        try:
            # uv keeps the versions that are in its output file.
            uv.run("pip", "compile", *options, str(folder / "in.txt"), "-o", str(folder / "out.txt"))
        except FailedError as error:
            raise AirflowEnvironmentError(explain(error.output), uv.log) from error
        return (folder / "out.txt").read_text()
