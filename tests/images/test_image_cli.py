"""`harness images`: the list, and one-line errors."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from harness import cli
from harness.errors import EngineError, ImageError
from harness.images import listing
from harness.images.listing import ImageRow, print_images

ROWS = [
    ImageRow(
        "postgres", "airflow-harness/postgres:17-1", True, "built: Debian's postgresql, no wheel", "15.14", 143701632
    ),
    ImageRow("minio", "quay.io/minio/minio:TAG", False, "", "", 0),
]


@pytest.fixture(autouse=True)
def empty_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("harness.cli.images.connect", lambda: object())
    monkeypatch.setattr(listing, "list_images", lambda client, settings: ROWS)


def test_list_without_a_terminal_is_tab_separated(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["images"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "image\treference\tpresent\tcame from\tversion\tsize",
        "postgres\tairflow-harness/postgres:17-1\tyes\tbuilt: Debian's postgresql, no wheel\t15.14\t144 MB",
        "minio\tquay.io/minio/minio:TAG\tno\t\t\t",
    ]


def test_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["images", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == ["postgres", "minio"]
    assert rows[0]["size"] == 143701632


def test_list_on_a_terminal_is_a_table() -> None:
    out = StringIO()
    print_images(ROWS, as_json=False, console=Console(file=out, force_terminal=True, width=200))
    assert "Debian's postgresql, no wheel" in out.getvalue()


def test_options_reach_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(
        listing, "resolve_images", lambda client, settings, names, progress: calls.append((settings, names))
    )
    options = ["--image-mode", "build", "--minio-image", "build:RELEASE.2025-10-15T17-29-55Z"]
    assert cli.main(["images", "--get", "minio", *options]) == 0
    settings, names = calls[0]
    assert names == ["minio"]
    assert settings.image_mode == "build"
    assert settings.image_overrides == {"minio": "build:RELEASE.2025-10-15T17-29-55Z"}


@pytest.mark.parametrize("error", [EngineError("no Docker engine answers"), ImageError("image x does not exist")])
def test_a_users_error_is_one_line(
    error: Exception, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("harness.cli.images.connect", fail)
    assert cli.main(["images"]) == 2
    assert capsys.readouterr().err == f"error: {error}\n"
    assert "Traceback" in (tmp_path / "cache" / "logs" / "traceback.log").read_text()


def test_an_unknown_option_value_gives_a_one_line_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["images", "--image-mode", "fetch"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
