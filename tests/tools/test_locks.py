from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LINES = ("3.3", "2.11")
AIRFLOW_LOCKS = [ROOT / "requirements" / f"airflow-{line}.txt" for line in LINES]
LOCKS = [
    *AIRFLOW_LOCKS,
    *sorted(
        file.with_suffix(".txt")
        for folder in ("benchmarks", "dags", "harness")
        for file in (ROOT / folder).rglob("requirements.in")
    ),
]
EXTRAS = ("airflow", "aws-twin", "chapter", "dev", "docs", "embedded")


def faults(lock: str) -> list[str]:
    """What makes a lock unfit: places to fetch from, packages without version or hash, another command than ours."""
    found = []
    if "#    make locks\n" not in lock:
        found.append("does not say that `make locks` makes it")
    if "/work/" in lock or "/tmp/" in lock or "/home/" in lock:
        found.append("has a path of somebody's machine")
    for entry in re.sub(r"\\\n", " ", lock).splitlines():
        text = entry.split(" #")[0].strip()
        if not text or text.startswith("#"):
            continue
        if text.startswith("-") or "://" in text:
            found.append(f"says where to fetch from, or takes in another file: {text}")
        elif not re.match(r"[A-Za-z0-9._-]+(\[[^]]+\])?==\S+", text):
            found.append(f"has no version: {text[:60]}")
        elif not re.search(r"--hash=sha256:[0-9a-f]{64}\b", text):
            found.append(f"has no hash: {text[:60]}")
    return found


def pins(lock: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]+\])?==([^\s;\\]+)", lock, re.MULTILINE):
        found.setdefault(canonicalize_name(name), []).append(version)
    return found


@pytest.mark.parametrize("lock", LOCKS, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_lock_has_hashes_and_no_place_to_fetch_from(lock: Path) -> None:
    assert faults(lock.read_text()) == []


@pytest.mark.parametrize("lock", AIRFLOW_LOCKS, ids=lambda file: file.stem)
def test_a_lock_has_all_that_pyproject_asks_for(lock: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *(each for extra in EXTRAS for each in project["optional-dependencies"][extra])]
    assert set(project["optional-dependencies"]) == set(EXTRAS)
    locked = pins(lock.read_text())
    # An extra may ask for another one of this very project.
    for requirement in (one for one in map(Requirement, asked) if one.name != project["name"]):
        versions = locked.get(canonicalize_name(requirement.name), [])
        assert versions, f"{requirement} is not in {lock.name}: run make locks"
        assert all(requirement.specifier.contains(version, prereleases=True) for version in versions), requirement


def test_each_lock_is_of_its_airflow_line() -> None:
    assert [pins(lock.read_text())["apache-airflow"] for lock in AIRFLOW_LOCKS] == [["3.3.2"], ["2.11.2"]]


GOOD = "# by:\n#    make locks\nboto3==1.2 ; python_version > '3' \\\n    --hash=sha256:" + "a" * 64 + "\n    # via x\n"


def test_a_good_lock_has_no_fault() -> None:
    assert faults(GOOD) == []
    assert pins(GOOD) == {"boto3": ["1.2"]}


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        ("--index-url https://mirror.example/simple\n" + GOOD, "where to fetch"),
        ("--find-links /wheels\n" + GOOD, "where to fetch"),
        (GOOD + "x @ https://mirror.example/x.whl\n", "where to fetch"),
        (GOOD + "-r other.txt\n", "another file"),
        (GOOD + "six==1.0\n", "no hash"),
        (GOOD + "six>=1.0 --hash=sha256:" + "a" * 64 + "\n", "no version"),
        (GOOD.replace("make locks", "uv pip compile"), "make locks"),
        (GOOD + "# via -r /home/me/x.in\n", "somebody's machine"),
    ],
)
def test_a_bad_lock_is_seen(bad: str, fault: str) -> None:
    assert any(fault in found for found in faults(bad))
