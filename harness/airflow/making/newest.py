"""Replace `latest` in a target by the newest release: `airflow==latest` becomes `airflow==3.3.2`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from packaging.utils import canonicalize_name

from harness.airflow.making.index import list_releases
from harness.airflow.making.targets import AIRFLOW
from harness.airflow.making.uv import find_uv
from harness.errors import AirflowEnvironmentError, SettingsError

LATEST = "==latest"


def name_newest(targets: Iterable[str], cache_dir: Path) -> list[str]:
    """Return the targets with the newest releases of the package index in place of `latest`.

    Pre-releases don't count. Raises SettingsError, and AirflowEnvironmentError if the index does not answer.
    """
    found = list(targets)
    if not any(text.endswith(LATEST) for text in found):
        return found
    env = find_uv(cache_dir / "logs" / "newest.log").env
    return [_newest(text, env) if text.endswith(LATEST) else text for text in found]


def _newest(text: str, env: Mapping[str, str]) -> str:
    name = text.removesuffix(LATEST)
    package = canonicalize_name(name.partition("[")[0])
    if package == "python":
        raise SettingsError(f"target {text!r}: no index lists the Pythons of this machine: write python==3.12")
    releases = list_releases(AIRFLOW if package == "airflow" else package, env)
    final = [version for version in releases if not version.is_prerelease]
    if not final:
        raise AirflowEnvironmentError(
            f"target {text!r}: the package index lists no release of it: correct the name, or write a version"
        )
    return f"{name}=={max(final)}"
