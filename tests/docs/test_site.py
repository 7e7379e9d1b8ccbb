"""The documentation builds without a network, and its pages load nothing from other hosts."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import harness
from harness.cli import COMMANDS

FETCHED = re.compile(
    r"""<(?:script|img|iframe|link)\b[^>]*\b(?:src|href)=["']?(?:https?:)?//|@import|url\(["']?(?:https?:)?//"""
)
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    folder = tmp_path_factory.mktemp("site")
    env = {"HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE, "HOME": str(folder), "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(folder / "made")],
        cwd=pytestconfig.rootpath,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "made"


def test_pages_load_nothing_from_other_hosts(site: Path) -> None:
    pages = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(pages) > 10
    assert [page.name for page in pages if FETCHED.search(page.read_text())] == []


def test_the_reference_has_every_public_name_and_command(site: Path) -> None:
    text = "".join(page.read_text() for page in (site / "reference").glob("*.html"))
    anchors = set(re.findall(r'id="([^"]+)"', text))
    named = {one.rpartition(".")[2] for one in anchors}
    assert [name for name in harness.__all__ if name not in named] == []
    assert len(re.findall(r"usage: harness \w+", text)) == len(COMMANDS)
    assert {"harness.fixtures.world", "harness.fixtures.connections", "harness.World.run"} <= anchors
