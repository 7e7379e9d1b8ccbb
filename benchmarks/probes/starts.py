"""Alternate: start all services in parallel, one after another, and with compose.

The images exist.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from benchmarks import compose
from benchmarks.recording import Note
from harness.engine import connect
from harness.progress import SILENT, shown
from harness.services.session import ServiceSession, new_run
from harness.services.stack import stack_in_session
from harness.settings import Settings

TURNS = range(int(os.environ["BENCH_TURNS"]))


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("how", ["side by side", "one after another"])
def test_start(harness_settings: Settings, how: str, turn: int, note: Note) -> None:
    session = ServiceSession(harness_settings.root, new_run())
    try:
        began = time.monotonic()
        with (
            shown() as progress,
            stack_in_session(session, harness_settings, {}, progress, side_by_side=how == "side by side"),
        ):
            note(how, time.monotonic() - began)
    finally:
        session.end(orderly=True)


if command := json.loads(os.environ["BENCH_COMPOSE"]):

    @pytest.fixture(scope="module")
    def compose_file(harness_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """A compose file generated from a running stack."""
        file = tmp_path_factory.mktemp("compose") / "compose.json"
        session = ServiceSession(harness_settings.root, new_run())
        try:
            with stack_in_session(session, harness_settings, {}, SILENT):
                file.write_text(json.dumps(compose.describe_services(connect(), session.ident)))
        finally:
            session.end(orderly=True)
        return file

    @pytest.mark.parametrize("turn", TURNS)
    def test_compose(compose_file: Path, turn: int, note: Note) -> None:
        note("compose", compose.seconds_until_healthy(command, compose_file, f"bench-{new_run()}"))
