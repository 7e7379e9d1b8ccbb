"""What pyproject declares, with a stack's values in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import SettingsError
from harness.settings import Settings
from harness.templating import rendered, schemas

KNOWN = {"minio.url": "http://127.0.0.1:9", "postgres.own-rows": "postgresql://here", "network": "net"}


def test_values_are_put_in() -> None:
    declared = {"store": '{"conn_type": "aws", "extra": {"endpoint_url": "${minio.url}"}}', "plain": "a $$ b"}
    assert rendered(declared, KNOWN, engine=True) == {
        "store": '{"conn_type": "aws", "extra": {"endpoint_url": "http://127.0.0.1:9"}}',
        "plain": "a $ b",
    }
    assert rendered({"rows": "${postgres.own-rows}"}, KNOWN, engine=True) == {"rows": "postgresql://here"}


def test_without_an_engine_what_needs_one_is_left_out() -> None:
    declared = {"A": "${network}", "B": "${relay.docker_host}/x", "C": "${images.own}", "D": "${minio.url}"}
    assert rendered(declared, KNOWN, engine=False) == {"D": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "${minio.uri}",
            r"^A in pyproject: there is no \$\{minio\.uri\}, but minio\.url, network, postgres\.own-rows$",
        ),
        ("5 $ a night", r"^A in pyproject: Invalid placeholder.*\$\$ for a dollar$"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(text: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        rendered({"A": text}, KNOWN, engine=True)


def test_schemas_are_read_from_the_root(tmp_path: Path) -> None:
    (tmp_path / "own.sql").write_text("CREATE TABLE a ()")
    settings = Settings(root=tmp_path, databases={"own": Path("own.sql")})
    assert schemas(settings) == {"own": "CREATE TABLE a ()"}
    with pytest.raises(SettingsError, match=r"^database 'own': none\.sql can't be read \(No such file"):
        schemas(Settings(root=tmp_path, databases={"own": Path("none.sql")}))
