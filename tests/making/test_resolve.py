"""What a version means: which other packages stay, and where the versions of the rest come from."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import certifi
import pytest
import requests

from harness.airflow.making.current import current_lock
from harness.airflow.making.locks import Lock
from harness.airflow.making.resolve import Sources, parse_moment, resolve
from harness.airflow.making.targets import Wanted, merge_targets, parse_target
from harness.errors import AirflowEnvironmentError, SettingsError
from harness.settings import Settings
from tests.making.conftest import BEFORE, NOWHERE, Index


def wanted(*targets: str) -> Wanted:
    return merge_targets(map(parse_target, targets))


def moved(lock: Lock) -> dict[str, tuple[str | None, str | None]]:
    """Return the packages whose versions differ: before and after, None where a side lacks the package."""
    before, after = BEFORE.packages, lock.packages
    names = sorted(before.keys() | after.keys())
    return {name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)}


def test_a_side_without_targets_is_the_environment_itself(tmp_path: Path) -> None:
    assert resolve(wanted("postgres=postgres:18"), BEFORE, tmp_path) is BEFORE


def test_another_airflow_is_resolved_as_of_the_day_after_its_release(airflows: Index, tmp_path: Path) -> None:
    lock = resolve(wanted("airflow==3.3.2"), BEFORE, tmp_path)
    expected = {"apache-airflow": ("2.11.2", "3.3.2"), "fastapi": ("1.0", "1.1"), "pandas": ("2.0", "3.0")}
    assert moved(lock) == expected
    assert lock.top_level == ("apache-airflow-providers-amazon", "pandas")
    assert lock.source == "resolved as of 2026-09-18"
    (note,) = lock.notes
    assert note.startswith("airflow==3.3.2: its official constraints can't be fetched (ConnectionError: ")
    back = resolve(wanted("airflow==2.11.2"), lock, tmp_path)
    assert moved(back) == {}


def test_another_airflow_keeps_the_providers_that_this_one_brings(airflows: Index, tmp_path: Path) -> None:
    """Airflow 3 requires the provider `standard`, and 2.11 does not."""
    airflows.add("apache-airflow-providers-standard", "1.0", "2026-01-01T00:00:00Z")
    brought = ("apache-airflow-providers-fab==1.0", "apache-airflow-providers-standard==1.0")
    before = replace(BEFORE, requirements=(*BEFORE.requirements, *brought))
    packages = resolve(wanted("airflow==3.3.2"), before, tmp_path).packages
    assert packages["apache-airflow-providers-standard"] == "1.0"
    assert "apache-airflow-providers-fab" not in packages


def test_another_airflow_has_its_official_constraints(
    airflows: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.airflow.making.resolve.CONSTRAINTS", f"{airflows.url}/{{airflow}}/{{python}}.txt")
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    airflows.pages[f"/3.3.2/{minor}.txt"] = b"fastapi==1.2\nboto3==1.0\npandas==2.0\n"
    lock = resolve(wanted("airflow==3.3.2", "pandas==3.0"), BEFORE, tmp_path)
    assert (lock.source, lock.notes) == ("Airflow's official constraints", ())
    assert lock.packages["fastapi"] == "1.2"
    assert lock.packages["pandas"] == "3.0", "a named version takes precedence"
    file = tmp_path / "requirements.txt"
    file.write_text("pandas\n")
    assert resolve(wanted("airflow==3.3.2", str(file)), BEFORE, tmp_path).packages["pandas"] == "2.0"


def test_a_named_package_may_be_newer_than_the_release(airflows: Index, tmp_path: Path) -> None:
    airflows.add("pandas", "4.0", "2026-11-01T00:00:00Z")
    assert resolve(wanted("airflow==3.3.2", "pandas==4.0"), BEFORE, tmp_path).packages["pandas"] == "4.0"


def test_a_moved_package_moves_only_what_conflicts(airflows: Index, tmp_path: Path) -> None:
    lock = resolve(wanted("apache-airflow-providers-amazon==9.37.0"), BEFORE, tmp_path)
    assert moved(lock) == {"apache-airflow-providers-amazon": ("9.36.0", "9.37.0"), "boto3": ("1.0", "2.0")}


def test_a_date_and_constraints_decide_otherwise(airflows: Index, tmp_path: Path) -> None:
    at = Sources(parse_moment("2026-09-30"))
    assert resolve(wanted("airflow==3.3.2"), BEFORE, tmp_path, at).packages["fastapi"] == "1.2"
    file = tmp_path / "constraints.txt"
    file.write_text("fastapi==1.0\npandas==2.0\n")
    lock = resolve(wanted("airflow==3.3.2", "pandas==3.0"), BEFORE, tmp_path, Sources(None, str(file)))
    assert (lock.packages["fastapi"], lock.packages["pandas"], lock.source) == ("1.0", "3.0", f"constraints {file}")


def test_a_requirements_file_is_what_pip_makes_of_it(airflows: Index, tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("apache-airflow==3.3.2\npandas<3  # until the reports are changed\n")
    lock = resolve(wanted(str(file)), BEFORE, tmp_path)
    assert lock.requirements == ("apache-airflow==3.3.2", "fastapi==1.2", "pandas==2.0")
    assert lock.top_level == ("pandas",)


def test_a_requirements_file_without_airflow_moves_its_packages(airflows: Index, tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("# ours\n\npandas>=3\n")
    assert moved(resolve(wanted(str(file)), BEFORE, tmp_path)) == {"pandas": ("2.0", "3.0")}
    airflows.add("pandas", "4.0", "2026-11-01T00:00:00Z")
    both = wanted("airflow==3.3.2", str(file))
    assert resolve(both, BEFORE, tmp_path).packages["pandas"] == "3.0"
    file.write_text("pandas==4.0\n")
    assert resolve(both, BEFORE, tmp_path).packages["pandas"] == "4.0", "a pin may be newer than the release"


def test_a_package_named_beside_a_lock_moves_as_in_an_environment(airflows: Index, tmp_path: Path) -> None:
    file = tmp_path / "lock.txt"
    lines = [f"{line} \\\n    --hash=sha256:{'0' * 64}\n    # via something\n" for line in BEFORE.requirements]
    file.write_text("# written by a tool\n" + "".join(lines))
    before = replace(BEFORE, requirements=("apache-airflow==3.3.2", "pandas==3.0"))
    lock = resolve(wanted(str(file), "apache-airflow-providers-amazon==9.37.0"), before, tmp_path)
    assert moved(lock) == {"apache-airflow-providers-amazon": ("9.36.0", "9.37.0"), "boto3": ("1.0", "2.0")}
    assert lock.source == "the file"
    lock = resolve(wanted(str(file), "airflow==3.3.2"), before, tmp_path)
    assert lock.requirements == resolve(wanted("airflow==3.3.2"), BEFORE, tmp_path).requirements


@pytest.mark.parametrize("airflow", ["", "apache-airflow>=2\n"])
def test_the_line_of_a_named_package_yields(airflows: Index, tmp_path: Path, airflow: str) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text(f"{airflow}-r more.txt\npandas<3\n")
    (tmp_path / "more.txt").write_text("fastapi==1.1\n")
    packages = resolve(wanted(str(file), "airflow==2.11.2", "pandas==3.0"), BEFORE, tmp_path).packages
    assert {name: packages[name] for name in ("apache-airflow", "fastapi", "pandas")} == {
        "apache-airflow": "2.11.2",
        "fastapi": "1.1",
        "pandas": "3.0",
    }


@pytest.mark.parametrize("other", ["", "pandas<3\n"], ids=["a lock", "no lock"])
def test_the_extras_of_a_moved_package_stay(airflows: Index, tmp_path: Path, other: str) -> None:
    airflows.packages["apache-airflow"].clear()
    for version in ("2.11.2", "3.3.2"):
        requires = ['celery; extra == "celery"', 'psycopg; extra == "postgres"']
        airflows.add("apache-airflow", version, "2026-09-01T00:00:00Z", requires, extras=["celery", "postgres"])
    airflows.add("celery", "5.3", "2026-01-01T00:00:00Z", ['redis; extra == "redis"'], extras=["redis"])
    airflows.add("celery", "5.4", "2026-01-01T00:00:00Z", ['redis; extra == "redis"'], extras=["redis"])
    for name in ("psycopg", "redis"):
        airflows.add(name, "1.0", "2026-01-01T00:00:00Z")
    file = tmp_path / "requirements.txt"
    file.write_text(f"apache-airflow[celery,postgres]==2.11.2\ncelery[redis]==5.3\n{other}")

    packages = resolve(wanted(str(file), "airflow==3.3.2", "celery==5.4"), BEFORE, tmp_path).packages
    expected = {"apache-airflow": "3.3.2", "celery": "5.4", "psycopg": "1.0", "redis": "1.0"}
    assert {name: packages.get(name) for name in expected} == expected
    packages = resolve(wanted(str(file), "airflow==2.11.2"), BEFORE, tmp_path).packages
    assert packages["psycopg"] == "1.0", "also if the project has this Airflow"


def test_the_pins_of_an_editable_project_yield_to_the_targets(airflows: Index, tmp_path: Path) -> None:
    requires = ("apache-airflow==2.11.2", "boto3<2", "fastapi>=1", 'boat; extra == "sea"')
    optional = '[project.optional-dependencies]\nsea = ["boat"]\n'
    (tmp_path / "pyproject.toml").write_text(
        f'[project]\nname = "own"\nversion = "0.1"\ndependencies = {list(requires[:3])}\n{optional}'
    )
    line = f"-e {tmp_path.as_uri()}"
    before = replace(
        BEFORE,
        requirements=(*BEFORE.requirements, line),
        top_level=(*BEFORE.top_level, line),
        projects={line: requires},
    )
    lock = resolve(wanted("airflow==3.3.2"), before, tmp_path)
    assert (lock.packages["apache-airflow"], lock.packages["boto3"]) == ("3.3.2", "1.0")
    assert lock.requirements.count(line) == lock.top_level.count(line) == 1
    assert lock.notes[-1] == f"yields to the targets: apache-airflow==2.11.2 of {line}"
    lock = resolve(wanted("pandas==3.0"), before, tmp_path)
    assert line in lock.requirements
    assert lock.notes == (), "nothing of the project conflicts"


@pytest.fixture
def official(airflows: Index, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of the official constraints of Airflow 2.11.2; those of 3.3.2 differ."""
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    address = f"{airflows.url}/constraints-{{airflow}}/constraints-{{python}}.txt"
    monkeypatch.setattr("harness.airflow.making.resolve.CONSTRAINTS", address)
    old, new = (f"/constraints-{airflow}/constraints-{minor}.txt" for airflow in ("2.11.2", "3.3.2"))
    airflows.pages[old] = (
        b"# official\napache-airflow-providers-amazon==9.36.0\nboto3==1.0\nfastapi==1.0\npandas==2.0\n"
    )
    airflows.pages[new] = b"fastapi==1.2\nboto3==1.0\npandas==2.0\n"
    return f"{airflows.url}{old}"


@pytest.mark.parametrize(
    ("quote", "other", "project"),
    [("", "pandas==2.0", "2.11.2"), ("'", "pandas", "2.11.2"), ('"', "pandas", "3.3.2"), ("", "pandas==2.0", "3.3.2")],
)
def test_the_official_constraints_in_a_file_yield_to_another_airflow(
    official: str, tmp_path: Path, quote: str, other: str, project: str
) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text(f"--constraint {quote}{official}{quote}\napache-airflow==2.11.2\n{other}\n")
    before = replace(BEFORE, requirements=(f"apache-airflow=={project}",))
    lock = resolve(wanted(str(file), "airflow==3.3.2"), before, tmp_path)
    assert lock.packages == {"apache-airflow": "3.3.2", "fastapi": "1.2", "pandas": "2.0"}
    assert lock.source == "Airflow's official constraints"
    assert lock.notes == (f"left out, as Airflow moves: constraints {official}",)
    assert resolve(wanted(str(file)), before, tmp_path).packages["fastapi"] == "1.0"


@pytest.mark.parametrize("pin", ["==9.36.0", ""], ids=["a lock", "no lock"])
def test_the_constraints_in_a_file_yield_to_a_moved_package(
    official: str, airflows: Index, tmp_path: Path, pin: str
) -> None:
    file = tmp_path / "requirements.txt"
    provider = "apache-airflow-providers-amazon"
    file.write_text(f"-c '{official}'\n-c own.txt\napache-airflow==2.11.2\n{provider}{pin}\n")
    (tmp_path / "own.txt").write_text("newer>=2  # for us\nnewer<3\n")
    airflows.packages[provider].pop()
    airflows.add(provider, "9.37.0", "2026-10-01T00:00:00Z", ["apache-airflow", "boto3>=2", "newer"])
    for version in ("1", "2", "3"):
        airflows.add("newer", version, "2026-01-01T00:00:00Z")
    lock = resolve(wanted(str(file), f"{provider}==9.37.0"), BEFORE, tmp_path)
    assert lock.packages == {
        "apache-airflow": "2.11.2",
        provider: "9.37.0",
        "boto3": "2.0",
        "fastapi": "1.0",
        "newer": "2",
    }
    assert lock.notes == (f"yield to what conflicts with them: constraints {official}",)


def test_constraints_in_a_file_that_can_not_be_read_are_left_to_uv(airflows: Index, tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("-c none.txt\napache-airflow==2.11.2\n")
    with pytest.raises(AirflowEnvironmentError, match=r"none\.txt"):
        resolve(wanted(str(file), "pandas==3.0"), BEFORE, tmp_path)


def test_constraints_are_fetched_with_the_certificates_of_pip(
    airflows: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch, used = requests.get, []

    def get(address: str, **options: Any) -> requests.Response:
        used.append(options.get("verify"))
        return fetch(address, **options)

    monkeypatch.setattr(requests, "get", get)
    monkeypatch.setenv("PIP_CERT", certifi.where())
    airflows.pages["/own.txt"] = b"fastapi==1.0\n"
    resolve(wanted("airflow==3.3.2"), BEFORE, tmp_path)
    resolve(wanted("pandas==3.0"), BEFORE, tmp_path, Sources(None, f"{airflows.url}/own.txt"))
    assert used == [certifi.where()] * 3, "the index, official constraints, and own ones"


@pytest.mark.parametrize(
    ("targets", "reason"),
    [
        (["airflow==9.9.9"], "airflow==9.9.9: the package index has no such version; the newest are 2.11.2, 3.3.2$"),
        (["pandas==9.9"], r"Because there is no version of pandas==9\.9 and you require pandas==9\.9.*unsatisfiable\."),
        (["boto3==1.0", "apache-airflow-providers-amazon==9.37.0"], "Because .* depends on boto3>=2 and you require"),
        (["boat==1"], "Because boat was not found in the package registry and you require boat==1"),
        (["python==3.99"], "Python 3.99 is needed; found: .*. Install it, or name another one$"),
        (
            ["airflow==1.10"],
            r"airflow==1\.10 needs Python <3.8, and this one is 3\..*: name another one, such as python",
        ),
    ],
)
def test_a_side_that_does_not_resolve_has_a_reason(
    airflows: Index, tmp_path: Path, targets: list[str], reason: str
) -> None:
    if "1.10" in targets[0]:
        airflows.add("apache-airflow", "1.10", "2020-01-01T00:00:00Z", python="<3.8")
    with pytest.raises(AirflowEnvironmentError, match=reason) as raised:
        resolve(wanted(*targets), BEFORE, tmp_path)
    assert "\n" not in str(raised.value)
    if raised.value.log:
        assert "uv pip compile" in raised.value.log.read_text()


@pytest.mark.parametrize("target", ["airflow==3.3.2", "pandas==3.0"])
def test_an_index_that_does_not_answer_is_the_reason(
    airflows: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"{NOWHERE}/simple")
    with pytest.raises(AirflowEnvironmentError, match=r"index does not answer \(ConnectionE|Failed to fetch:.*refused"):
        resolve(wanted(target), BEFORE, tmp_path)


def test_an_index_that_only_uv_reaches_resolves(official: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Uv trusts the system's certificates, requests its own."""
    fetch = requests.get

    def get(address: str, **options: Any) -> requests.Response:
        if "/simple/" in address:
            raise requests.exceptions.SSLError
        return fetch(address, **options)

    monkeypatch.setattr(requests, "get", get)
    lock = resolve(wanted("airflow==3.3.2"), BEFORE, tmp_path)
    assert (lock.source, lock.packages["fastapi"]) == ("Airflow's official constraints", "1.2")


def test_an_index_without_dates_needs_constraints(airflows: Index, tmp_path: Path) -> None:
    for entry in airflows.packages["apache-airflow"]:
        del entry["upload-time"]
    with pytest.raises(
        AirflowEnvironmentError, match=r"does not say when files were uploaded: add --constraints FILE$"
    ):
        resolve(wanted("airflow==3.3.2"), BEFORE, tmp_path)


def test_a_project_without_airflow_needs_a_version(
    airflows: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.airflow.making.current.find_spec", lambda name: None)
    monkeypatch.setattr("harness.airflow.making.current.PROVIDERS", ("apache-airflow-providers-amazon",))
    lock = current_lock(Settings(root=tmp_path))
    assert resolve(wanted("airflow==3.3.2"), lock, tmp_path).packages["apache-airflow-providers-amazon"] == "9.36.0"
    file = tmp_path / "requirements.txt"
    file.write_text("pandas\n")
    with pytest.raises(
        AirflowEnvironmentError, match=r"txt: the project has no Airflow to add this to: add airflow==V"
    ):
        resolve(wanted(str(file)), lock, tmp_path)


def test_missing_constraints_are_named(airflows: Index, tmp_path: Path) -> None:
    with pytest.raises(AirflowEnvironmentError, match=r"^--constraints none.txt: it can't be read \(No such file"):
        resolve(wanted("airflow==3.3.2"), BEFORE, tmp_path, Sources(None, "none.txt"))
    address = f"{airflows.url}/none.txt".replace("//", "//me:secret@")
    with pytest.raises(
        AirflowEnvironmentError, match=r"^--constraints http://\*\*\*@.*: it can't be read \(HTTPError\)"
    ):
        resolve(wanted("airflow==3.3.2"), BEFORE, tmp_path, Sources(None, address))


def test_a_machine_without_uv_is_told_how_to_install_it(
    airflows: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sysconfig.get_path", lambda name: "/nowhere")
    with pytest.raises(AirflowEnvironmentError, match=r"^no uv, .* was found: install it with `pip install"):
        resolve(wanted("pandas==3.0"), BEFORE, tmp_path)


def test_an_interpreter_that_is_gone_is_named(airflows: Index, tmp_path: Path) -> None:
    with pytest.raises(AirflowEnvironmentError, match=r"^the Python of the environment, /no/python, does not run"):
        resolve(wanted("pandas==3.0"), replace(BEFORE, python="/no/python"), tmp_path)


def test_a_date_ends_with_its_day() -> None:
    assert parse_moment("2026-09-18").isoformat() == "2026-09-18T23:59:59+00:00"
    assert parse_moment("2026-09-18T12:00:00+02:00").isoformat() == "2026-09-18T12:00:00+02:00"
    with pytest.raises(SettingsError, match=r"^--resolved-at 'soon' is not a date: write 2026-09-18"):
        parse_moment("soon")
