"""Replace the version `latest` by that of the newest release.

For example `airflow==latest` becomes `airflow==3.3.2`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from harness.airflow.making.index import list_releases
from harness.airflow.making.targets import AIRFLOW, LATEST, Wanted
from harness.airflow.making.uv import find_uv
from harness.errors import AirflowEnvironmentError


def name_newest(wanted: Wanted, cache_dir: Path) -> Wanted:
    """Return `wanted` with the newest releases of the package index. Pre-releases don't count.

    Raises AirflowEnvironmentError if the index does not answer, or lacks the package.
    """
    latest = {name for name, requirement in wanted.packages.items() if requirement.endswith(f"=={LATEST}")}
    if not latest and wanted.airflow != LATEST:
        return wanted
    env = find_uv(cache_dir / "logs" / "newest.log").env
    airflow = _newest(AIRFLOW, env) if wanted.airflow == LATEST else wanted.airflow
    packages = {
        name: requirement.removesuffix(LATEST) + _newest(name, env) if name in latest else requirement
        for name, requirement in wanted.packages.items()
    }
    return replace(wanted, airflow=airflow, packages=packages)


def _newest(package: str, env: Mapping[str, str]) -> str:
    wanted = f"{'airflow' if package == AIRFLOW else package}=={LATEST}"
    releases = list_releases(package, env)
    if releases is None:
        raise AirflowEnvironmentError(
            f"{wanted}: the package index does not list releases in JSON, from which {LATEST} is found: write a version"
        )
    final = [version for version in releases if not version.is_prerelease]
    if not final:
        raise AirflowEnvironmentError(
            f"{wanted}: the package index lists no release of it: correct the name, or write a version"
        )
    return str(max(final))
