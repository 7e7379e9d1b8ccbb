"""Shards: `--shard` of the commands, and what a sharded session says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli import main
from harness.evidence.document import SessionDocument, Shard
from harness.settings import Settings
from tests.outer import project, run_pytest

TESTS = """
import pytest

@pytest.mark.skip(reason="a scenario that starts nothing")
@pytest.mark.parametrize("number", range(5))
def test_it(world, number):
    pass
"""


@pytest.mark.parametrize("shard", ["1", "0/2", "3/2", "1/2/3", "-1/2", "one/two"])
def test_a_shard_that_can_not_be(shard: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["matrix", f"--shard={shard}"])
    assert (
        f"argument --shard: '{shard}' is not a part of all scenarios: write 1/3 for the first"
        in capsys.readouterr().err
    )


def test_a_shard_without_its_plugin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("harness.cli.scenario_options.find_spec", lambda name: None)
    assert main(["matrix", "--shard", "1/2"]) == 2
    assert capsys.readouterr().err == (
        "error: --shard needs pytest-split: pip install 'airflow-scenario-harness[parallel]'\n"
    )


def test_a_session_says_which_shard_it_is(tmp_path: Path, harness_settings: Settings) -> None:
    folder, evidence = project(tmp_path, TESTS), tmp_path / "evidence"
    options = ("--splits=2", "--group=2", "--splitting-algorithm=least_duration")
    done = run_pytest(folder, harness_settings.root, *options, f"--harness-evidence={evidence}")
    assert done.returncode == 0, done.stdout
    session = SessionDocument.model_validate_json((evidence / "session.json").read_text())
    assert session.shard == Shard(number=2, total=2)
    assert len(session.scenarios) == 2
