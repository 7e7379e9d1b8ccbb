"""Print the combinations that .github/workflows/upgrade.yml checks, as a JSON list for a job's matrix.

`python -m tools.upgrade_combinations pins BASELINE`: what this checkout pins otherwise than the checkout in the folder
BASELINE, which a pull request changes. `python -m tools.upgrade_combinations newest`: the newest releases. Each
combination has a name, and the targets of `harness upgrade --from` and `--to`, separated by spaces.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path

PROVIDERS = ("amazon", "docker", "postgres", "standard")
NEWEST = (
    ("airflow", "airflow==latest"),
    ("providers", " ".join(f"apache-airflow-providers-{name}==latest" for name in PROVIDERS)),
    ("minio", "minio=quay.io/minio/minio:latest"),
    ("postgres", "postgres=postgres:latest"),
)
SERVICES = ("minio", "postgres", "relay")
"""The images that a side of a check can replace and that are pulled. The AWS mock is built from this repository."""
CATALOGUE = Path("harness", "images", "catalogue.py")


def newest() -> list[dict[str, str]]:
    return [{"name": name, "from": "", "to": to} for name, to in NEWEST]


def changed_pins(baseline: Path, candidate: Path) -> list[dict[str, str]]:
    """Return a combination for each lock of Airflow and each image whose pins differ."""
    return [*_changed_locks(baseline, candidate), *_changed_images(baseline, candidate)]


def _changed_locks(baseline: Path, candidate: Path) -> Iterator[dict[str, str]]:
    for lock in sorted((candidate / "requirements").glob("airflow-*.txt")):
        name = lock.relative_to(candidate)
        old = baseline / name
        if old.is_file() and _pins(old) != _pins(lock):
            yield {"name": lock.stem, "from": str(old), "to": str(name)}


def _pins(lock: Path) -> set[str]:
    return {line.rstrip(" \\") for line in lock.read_text().splitlines() if line[:1].isalnum()}


def _changed_images(baseline: Path, candidate: Path) -> Iterator[dict[str, str]]:
    old, new = (_references((folder / CATALOGUE).read_text()) for folder in (baseline, candidate))
    for name in SERVICES:
        if name in old and name in new and old[name] != new[name]:
            yield {"name": name, "from": f"{name}={old[name]}", "to": f"{name}={new[name]}"}


def _references(source: str) -> dict[str, str]:
    """Return the reference of each image that the catalogue's source declares.

    The source is read, not imported: it belongs to another version of the harness, which is not installed.
    """
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    declared = (call.args[:2] for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Image")
    texts = ([argument.value for argument in pair if isinstance(argument, ast.Constant)] for pair in declared)
    return {pair[0]: pair[1] for pair in texts if len(pair) == 2 and pair[1]}


if __name__ == "__main__":
    print(json.dumps(newest() if sys.argv[1] == "newest" else changed_pins(Path(sys.argv[2]), Path())))
