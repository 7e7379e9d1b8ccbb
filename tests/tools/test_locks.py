from __future__ import annotations

import re
import tomllib
from email.parser import Parser
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tools.environments.lines import LINES
from tools.environments.locks import EXTRAS

ROOT = Path(__file__).parents[2]
AIRFLOW_LOCKS = [ROOT / "requirements" / f"airflow-{line}.txt" for line in LINES]
HARNESS_LOCK = ROOT / "requirements" / "harness.txt"
LOCKS = [
    HARNESS_LOCK,
    ROOT / "requirements" / "uv.txt",
    *AIRFLOW_LOCKS,
    *sorted(
        file.with_suffix(".txt")
        for folder in ("benchmarks", "dags", "harness")
        for file in (ROOT / folder).rglob("requirements.in")
    ),
]
ASKED_FOR = {
    *("pytest", "testcontainers", "moto", "boto3", "minio", "apache-airflow", "docker", "pytest-xdist", "requests"),
}
"""Packages that the project must use."""
MINORS = [f"3.{minor}" for minor in range(10, 15)]
"""Python versions that are checked; some releases set no upper bound."""


def faults(lock: str) -> list[str]:
    """Return what is wrong with a lock: indexes, packages without version or hash, a different command."""
    found = []
    if "#    make locks\n" not in lock:
        found.append("does not say that `make locks` writes it")
    if "/work/" in lock or "/tmp/" in lock or "/home/" in lock:
        found.append("has a path of a machine")
    for entry in re.sub(r"\\\n", " ", lock).splitlines():
        text = entry.split(" #")[0].strip()
        if not text or text.startswith("#"):
            continue
        if text.startswith("-") or "://" in text:
            found.append(f"names an index, or includes another file: {text}")
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
def test_a_lock_has_hashes_and_no_index(lock: Path) -> None:
    assert faults(lock.read_text()) == []


def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return found


def test_the_harness_lock_has_all_dependencies_except_airflow() -> None:
    extras = project()["optional-dependencies"]
    assert set(extras) == {*EXTRAS, "airflow"}
    asked = [*project()["dependencies"], *(each for extra in EXTRAS for each in extras[extra])]
    locked = pins(HARNESS_LOCK.read_text())
    for requirement in map(Requirement, asked):
        versions = locked.get(canonicalize_name(requirement.name), [])
        assert versions, f"{requirement} is not in {HARNESS_LOCK.name}: run make locks"
        assert all(requirement.specifier.contains(version, prereleases=True) for version in versions), requirement
    assert [name for name in locked if name.startswith("apache-airflow")] == []


def test_required_packages_are_listed_and_the_project_is_not() -> None:
    extras = project()["optional-dependencies"].values()
    named = [Requirement(each).name for each in [*project()["dependencies"], *chain.from_iterable(extras)]]
    assert project()["name"] not in named
    assert set(named) >= ASKED_FOR


@pytest.mark.parametrize("line", LINES)
def test_an_airflow_lock_has_its_line_and_the_providers_of_the_extra(line: str) -> None:
    locked = pins((ROOT / "requirements" / f"airflow-{line}.txt").read_text())
    (version,) = locked["apache-airflow"]
    assert version.rpartition(".")[0] == line
    assert set(map(canonicalize_name, project()["optional-dependencies"]["airflow"])) <= set(locked)


def test_a_line_has_only_pythons_that_its_airflow_supports() -> None:
    """uv ignores upper bounds, so the test checks the metadata of the existing environments."""
    found = {
        file.parents[4].name: SpecifierSet(Parser().parsestr(file.read_text())["Requires-Python"])
        for file in (ROOT / ".harness/airflow").glob("*/lib/python*/site-packages/apache_airflow-*.dist-info/METADATA")
    }
    for line, wanted in found.items():
        # `!=3.13` in a release means every 3.13.
        fitting = {minor for minor in MINORS if minor in wanted and f"{minor}.99" in wanted}
        assert set(LINES[line].pythons) <= fitting, line


GOOD = "# by:\n#    make locks\nboto3==1.2 ; python_version > '3' \\\n    --hash=sha256:" + "a" * 64 + "\n    # via x\n"


def test_a_good_lock_has_no_fault() -> None:
    assert faults(GOOD) == []
    assert pins(GOOD) == {"boto3": ["1.2"]}


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        ("--index-url https://mirror.example/simple\n" + GOOD, "names an index"),
        ("--find-links /wheels\n" + GOOD, "names an index"),
        (GOOD + "x @ https://mirror.example/x.whl\n", "names an index"),
        (GOOD + "-r other.txt\n", "another file"),
        (GOOD + "six==1.0\n", "no hash"),
        (GOOD + "six>=1.0 --hash=sha256:" + "a" * 64 + "\n", "no version"),
        (GOOD.replace("make locks", "uv pip compile"), "make locks"),
        (GOOD + "# via -r /home/me/x.in\n", "path of a machine"),
    ],
)
def test_faults_of_a_lock_are_found(bad: str, fault: str) -> None:
    assert any(fault in found for found in faults(bad))
