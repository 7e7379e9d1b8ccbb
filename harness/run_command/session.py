"""The session: pytest, silent, with the root's conftest and one item."""

from __future__ import annotations

import functools
import io
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from harness.errors import SettingsError
from harness.progress import Progress
from harness.report.terminal import PROGRESS


class _Single:
    """The plugin: collects `work` alone, keeps what it raised, and takes pytest's own output away."""

    def __init__(self, work: Callable[..., None], progress: Progress) -> None:
        self.work, self.progress = work, progress
        self.raised: BaseException | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.pluginmanager.unregister(name="terminalreporter")
        config.stash[PROGRESS] = self.progress

    def pytest_collection(self, session: pytest.Session) -> bool:
        session.items = [pytest.Function.from_parent(session, name="run", callobj=self.work)]
        session.testscollected = 1
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        if call.excinfo and self.raised is None:
            self.raised = call.excinfo.value
        return (yield)


def in_session(root: Path, work: Callable[..., None], options: Sequence[str], progress: Progress) -> None:
    """Calls `work`, whose parameters are names of fixtures, in a session at `root` with pytest's `options`.

    `progress` hears of images that are pulled or built.
    Standard output and error are this process's for it, and nobody's for pytest. Raises what `work` or a fixture
    raises, KeyboardInterrupt among it, and SettingsError where pytest refuses.
    """
    out, err, silent = sys.stdout, sys.stderr, io.StringIO()
    single = _Single(_heard(work, out, err), progress)
    settings = ["-c", str(root / "pyproject.toml") if (root / "pyproject.toml").is_file() else os.devnull]
    with tempfile.TemporaryDirectory() as temporary, redirect_stdout(silent), redirect_stderr(silent):
        whole = ["-p", "harness.plugin", "--rootdir", str(root), *settings, "-s", "--basetemp", f"{temporary}/run"]
        # -n0 and no cache: whatever the project's own options say.
        code = pytest.main([str(root), *whole, "-n0", "-p", "no:cacheprovider", *options], plugins=[single])
    if single.raised is not None:
        raise single.raised
    if code == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    if code != pytest.ExitCode.OK:
        told = [line.removeprefix("ERROR: ") for line in silent.getvalue().splitlines() if line.strip()]
        errors = [line for line in told if "error: " in line.lower()]
        raise SettingsError((errors or told or ["pytest came to nothing"])[0])


def _heard(work: Callable[..., None], out: Any, err: Any) -> Callable[..., None]:
    """`work` with the streams of this process."""

    @functools.wraps(work)
    def heard(**fixtures: Any) -> None:
        with redirect_stdout(out), redirect_stderr(err):
            work(**fixtures)

    return heard
