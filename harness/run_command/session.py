"""A silent pytest session with the project's conftest and a single item."""

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
from harness.report.model import Part
from harness.report.sections import PART
from harness.report.terminal import PROGRESS


class _Single:
    """pytest plugin that collects only `work`, keeps its exception, and silences pytest."""

    def __init__(self, work: Callable[..., None], progress: Progress, keep_part: Callable[[Part], None]) -> None:
        self.work, self.progress, self.keep_part = work, progress, keep_part
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

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if content := getattr(report, PART, None):
            self.keep_part(Part.model_validate(content))


def run_in_session(
    root: Path,
    work: Callable[..., None],
    options: Sequence[str],
    progress: Progress,
    keep_part: Callable[[Part], None] = lambda part: None,
) -> None:
    """Call `work`, whose parameters name fixtures, in a pytest session at `root`.

    `progress` receives the pulls and builds of images, `keep_part` what pytest's report has of `work`. `work` writes to
    this process's standard output and error; pytest's own output is discarded. Raises the exception of `work` or of a
    fixture, including KeyboardInterrupt, and SettingsError if pytest reports a usage error.
    """
    out, err, silent = sys.stdout, sys.stderr, io.StringIO()
    single = _Single(_with_streams(work, out, err), progress, keep_part)
    settings = ["-c", str(root / "pyproject.toml") if (root / "pyproject.toml").is_file() else os.devnull]
    with tempfile.TemporaryDirectory() as temporary, redirect_stdout(silent), redirect_stderr(silent):
        whole = ["-p", "harness.plugin", "--rootdir", str(root), *settings, "-s", "--basetemp", f"{temporary}/run"]
        # -n0 and the empty cache override the options of the project.
        own = ["-n0", *empty_cache(f"{temporary}/cache")]
        code = pytest.main([str(root), *whole, *own, *options], plugins=[single])
    if single.raised is not None:
        raise single.raised
    if code == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    if code != pytest.ExitCode.OK:
        lines = [line.removeprefix("ERROR: ") for line in silent.getvalue().splitlines() if line.strip()]
        errors = [line for line in lines if "error: " in line.lower()]
        raise SettingsError((errors or lines or [f"pytest exited with {int(code)} and printed nothing"])[0])


def empty_cache(folder: str) -> list[str]:
    """Return pytest's options for a cache in this empty folder.

    Without the cache a project's `addopts = "--ff"` is an unknown option. An empty one selects all scenarios.
    """
    return ["-o", f"cache_dir={folder}", "--last-failed-no-failures=all"]


def _with_streams(work: Callable[..., None], out: Any, err: Any) -> Callable[..., None]:
    """Wrap `work` so that it writes to the streams `out` and `err`."""

    @functools.wraps(work)
    def wrapped(**fixtures: Any) -> None:
        with redirect_stdout(out), redirect_stderr(err):
            work(**fixtures)

    return wrapped
