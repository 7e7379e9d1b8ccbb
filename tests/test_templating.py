"""What pyproject declares, with a stack's values in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import SettingsError
from harness.settings import Settings
from harness.templating import read_schemas, render_declarations

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
    settings = Settings(root=tmp_path, databases={"own": Path("own.sql")})
    assert read_schemas(settings) == {"own": "CREATE TABLE a ()"}
    with pytest.raises(SettingsError, match=r"^database 'own': none\.sql can't be read \(No such file"):
        read_schemas(Settings(root=tmp_path, databases={"own": Path("none.sql")}))
