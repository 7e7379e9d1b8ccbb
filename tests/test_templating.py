"""What pyproject declares, with a stack's values in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.declared_data import check_watched_databases
from harness.errors import SettingsError
from harness.services.seeds import find_seeds
from harness.services.stack import Stack
from harness.settings import Settings
from harness.templating import (
    PlaceholderValues,
    find_passed_secrets,
    read_schemas,
    render_declarations,
    render_project,
    template_values,
)

KNOWN = {"minio.url": "http://127.0.0.1:9", "postgres.own-rows": "postgresql://here", "network": "net"}


def test_values_are_put_in() -> None:
    declared = {"store": '{"conn_type": "aws", "extra": {"endpoint_url": "${minio.url}"}}', "plain": "a $$ b"}
    assert render_declarations(declared, KNOWN, engine=True) == {
        "store": '{"conn_type": "aws", "extra": {"endpoint_url": "http://127.0.0.1:9"}}',
        "plain": "a $ b",
    }
    assert render_declarations({"rows": "${postgres.own-rows}"}, KNOWN, engine=True) == {"rows": "postgresql://here"}


def test_without_an_engine_what_needs_one_is_left_out() -> None:
    declared = {"A": "${network}", "B": "${relay.docker_host}/x", "C": "${images.own}", "D": "${minio.url}"}
    assert render_declarations(declared, KNOWN, engine=False) == {"D": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "${minio.uri}",
            r"^A in pyproject: unknown \$\{minio\.uri\}; use one of minio\.url, network, postgres\.own-rows$",
        ),
        ("5 $ a night", r"^A in pyproject: Invalid placeholder.*\$\$ for a dollar$"),
    ],
)
def test_an_invalid_declaration_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        render_declarations({"A": text}, KNOWN, engine=True)


def test_schemas_are_read_from_the_root(tmp_path: Path) -> None:
    (tmp_path / "own.sql").write_text("CREATE TABLE a ()")
    settings = Settings(root=tmp_path, databases={"own": (Path("own.sql"),)})
    assert read_schemas(settings) == {"own": "CREATE TABLE a ()"}
    with pytest.raises(SettingsError, match=r"^database 'own': none\.sql can't be read \(No such file"):
        read_schemas(Settings(root=tmp_path, databases={"own": (Path("none.sql"),)}))


def test_airflow_settings_and_variables_are_environment_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/certificates")
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    settings = Settings(
        root=tmp_path,
        variables={"Limits": '{"rows": 3, "at": "${minio.url}"}'},
        config={"core": {"parallelism": 4, "lazy_load_plugins": False}, "common.io": {"xcom_path": "${root}/x"}},
        pass_environment=("SSL_CERT_FILE", "PIP_INDEX_URL"),
    )
    assert render_project(settings, {**KNOWN, "root": "/project"}, engine=True) == {
        "SSL_CERT_FILE": "/certificates",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__LAZY_LOAD_PLUGINS": "False",
        "AIRFLOW__COMMON_IO__XCOM_PATH": "/project/x",
        "AIRFLOW_VAR_LIMITS": '{"rows": 3, "at": "http://127.0.0.1:9"}',
    }


def test_placeholders_exist_for_every_name_of_a_stack(harness_stack: Stack, tmp_path: Path) -> None:
    placeholders = PlaceholderValues(Settings(root=tmp_path, region="eu-west-1"))
    values = template_values(harness_stack, tmp_path)
    assert {name: bool(placeholders[name]) for name in values} == dict.fromkeys(values, True)
    assert (placeholders["region"], placeholders["root"]) == ("eu-west-1", str(tmp_path))
    with pytest.raises(KeyError):
        placeholders["minio.uri"]


def test_a_csv_seed_is_a_copy(tmp_path: Path) -> None:
    (tmp_path / "own.sql").write_text("CREATE TABLE rows ()")
    (tmp_path / "rows.csv").write_text('a,"b ""c"""\n1,2')
    settings = Settings(root=tmp_path, databases={"own": (Path("own.sql"), Path("rows.csv"))})
    copy = 'COPY "public"."rows" ("a", "b ""c""") FROM stdin (FORMAT csv, HEADER);'
    assert read_schemas(settings) == {"own": f'CREATE TABLE rows ()\n;\n{copy}\na,"b ""c"""\n1,2\n\\.\n'}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"^database 'own': rows\.csv is empty: its first line must name the columns$"),
        ("a\n\\.\n", r"^database 'own': rows\.csv: line 2 is `\\\.`, which ends the data: write"),
    ],
)
def test_an_invalid_csv_seed_is_refused_in_one_line(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "rows.csv").write_text(content)
    with pytest.raises(SettingsError, match=message):
        read_schemas(Settings(root=tmp_path, databases={"own": (Path("rows.csv"),)}))


def test_seed_objects_are_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "a.csv").write_text("a")
    declared = {"landing": Path("in"), "landing/x": Path("in"), "other/b": Path("in/deep/a.csv")}
    assert list(find_seeds(tmp_path, declared)) == [
        ("landing", "deep/a.csv"),
        ("landing", "x/deep/a.csv"),
        ("other", "b"),
    ]
    with pytest.raises(SettingsError, match=r"^object 'landing/x': there is no file or folder none: correct"):
        find_seeds(tmp_path, {"landing/x": Path("none")})
    with pytest.raises(SettingsError, match=r"is a file: write 'landing/a\.csv', or name a folder$"):
        find_seeds(tmp_path, {"landing": Path("in/deep/a.csv")})


def test_a_watched_database_must_be_declared() -> None:
    check_watched_databases(["shop.totals"], ["shop"])
    with pytest.raises(SettingsError, match=r"^watch 'shp\.totals' in .* the declared databases are shop: declare"):
        check_watched_databases(["shp.totals"], ["shop"])


def test_passed_secrets_are_found_by_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SHOP_PASSWORD": "hunter22", "SSL_CERT_FILE": "/certificates", "API_TOKEN": "abc"}.items():
        monkeypatch.setenv(name, value)
    settings = Settings(root=tmp_path, pass_environment=("SHOP_PASSWORD", "SSL_CERT_FILE", "API_TOKEN", "UNSET_KEY"))
    assert find_passed_secrets(settings) == ["hunter22"]
