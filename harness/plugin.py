"""pytest plugin: options, settings, the session of services, the report; loads fixtures."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Generator
from pathlib import Path
from typing import Any, get_args

import pytest

from harness.errors import HarnessError
from harness.images.catalogue import BUILT_IN
from harness.longest_first import NAME, LongestFirst
from harness.output import check_folder
from harness.report.collect import Collector
from harness.services.session import ServiceSession, new_run
from harness.settings import ImageMode, Runner, Settings, SideName, StackChoice, Waits, find_root

pytest_plugins = ["harness.fixtures"]  # here, so that a project's plugins and conftests can override fixtures
SETTINGS = pytest.StashKey[Settings]()
RECORDER = "harness-recorder"
"""The plugin of `--harness-evidence` (harness.report.recorder.Recorder)."""
SERVICE_SESSION = pytest.StashKey[ServiceSession]()
ENDED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
"""Exit codes of a test run that was not interrupted."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("harness", "Airflow scenarios")
    group.addoption("--harness-dags-folder", metavar="PATH", help="folder of the DAGs under test")
    group.addoption(
        "--harness-airflow-python",
        metavar="PATH",
        help="Python interpreter that runs `airflow` (default: the interpreter that runs pytest)",
    )
    group.addoption(
        "--harness-runner",
        choices=get_args(Runner),
        help="how `airflow dags test` runs: in a new process, or in a fork of a warm host; "
        "auto (default): warm on Linux with an Airflow line on which it is proved",
    )
    group.addoption(
        "--harness-waits",
        choices=get_args(Waits),
        help="short: the waits between retries, pokes and polls of tasks last at most a second (default: real)",
    )
    group.addoption(
        "--harness-evidence", metavar="DIR", type=Path, help="write each scenario's runs and evidence as JSON"
    )
    group.addoption(
        "--harness-report", metavar="DIR", type=Path, help="write a report of the scenarios as HTML, JSON and Markdown"
    )
    group.addoption("--harness-reuse", action="store_true", default=None, help="keep the services for later test runs")
    group.addoption(
        "--harness-stack",
        choices=get_args(StackChoice),
        help="how the services run: in containers, or embedded, as processes without a Docker engine; "
        "auto (default): containers if an engine answers",
    )
    # `harness upgrade` sets these for the sessions of its sides.
    group.addoption("--harness-side", choices=get_args(SideName), help=argparse.SUPPRESS)
    group.addoption("--harness-around", type=Path, help=argparse.SUPPRESS)
    group.addoption("--harness-borrowed-session", help=argparse.SUPPRESS)
    group.addoption("--harness-keep-metadata", type=Path, help=argparse.SUPPRESS)
    group.addoption("--harness-image-mode", choices=get_args(ImageMode), help="how images are obtained (default: auto)")
    for name in (*BUILT_IN, *_project_images()):
        group.addoption(
            f"--harness-{name}-image", metavar="REFERENCE", help=f"image of {name}, or build:RELEASE to build a release"
        )


def _project_images() -> tuple[str, ...]:
    try:
        return tuple(Settings.load(find_root(Path.cwd()), BUILT_IN).images)
    except HarnessError:
        return ()  # pytest_configure reports the error, where a usage error can be raised


def pytest_configure(config: pytest.Config) -> None:
    images = (f"{name}_image" for name in (*BUILT_IN, *_project_images()))
    names = ("airflow_python", "dags_folder", "image_mode", "reuse", "runner", "stack", "waits", *images)
    options = {name: config.getoption(f"harness_{name}".replace("-", "_"), None) for name in names}
    try:
        settings = Settings.load(find_root(config.rootpath), BUILT_IN, options)
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from error
    settings = settings.model_copy(update={"around": config.getoption("harness_around")})
    config.stash[SETTINGS] = settings
    named = [name for name in options if name.endswith("_image") and options[name]]
    if options["stack"] == "embedded" and named:
        given = ", ".join(f"--harness-{name.replace('_', '-')}" for name in named)
        raise pytest.UsageError(
            f"{given}: the embedded stack uses no images. Remove the option, or use --harness-stack containers"
        )
    if settings.fixed_ports and len(getattr(config.option, "tx", None) or ()) > 1:
        raise pytest.UsageError(
            f"fixed ports ({', '.join(settings.fixed_ports)}) allow only one stack, but each worker of -n has its own: "
            f"run with -n 0, or remove these settings"
        )
    config.addinivalue_line("markers", "engine: needs a Docker engine; skipped if the stack is embedded")
    borrowed = config.getoption("harness_borrowed_session")
    config.stash[SERVICE_SESSION] = (
        ServiceSession(settings.root, borrowed, borrowed=True)
        if borrowed
        else ServiceSession(settings.root, None if settings.reuse else _run_id(config, settings.root))
    )
    config.pluginmanager.register(LongestFirst(config), NAME)
    worker = hasattr(config, "workerinput")
    if not worker:
        _collect(config)
    if (folder := config.getoption("--harness-evidence")) and not config.option.collectonly:
        _record(config, folder, worker)


def _run_id(config: pytest.Config, root: Path) -> str:
    """Return an id that xdist's controller and workers share, derived from xdist's own id."""
    if hasattr(config, "workerinput"):
        given = config.workerinput["testrunuid"]
    else:
        given = config.option.testrunuid = config.getoption("testrunuid", None) or new_run()
    # A user can set xdist's id (--testrunuid) to any text, and to the same text in two checkouts.
    return hashlib.sha256(f"{root} {given}".encode()).hexdigest()[:12]


def _collect(config: pytest.Config) -> None:
    try:
        for option in ("--harness-report", "--harness-evidence"):
            if folder := config.getoption(option):
                check_folder(option, folder)
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from error
    config.pluginmanager.register(Collector(config.getoption("--harness-report")), "harness-report")


def _record(config: pytest.Config, folder: Path, worker: bool) -> None:
    from harness.report.recorder import Recorder

    try:
        config.pluginmanager.register(Recorder(folder, config.stash[SETTINGS], worker), RECORDER)
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Keep the reaper waiting between the crash of a worker and the start of its successor."""
    node.config.stash[SERVICE_SESSION].join_reaper()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Generator[None, None, None]:
    """End the session of services after xdist's workers, which end before the yield returns."""
    try:
        yield
    finally:  # even if another plugin's hook raises
        if not hasattr(session.config, "workerinput"):
            _end_services(session, exitstatus)


def _end_services(session: pytest.Session, exitstatus: int) -> None:
    try:
        session.config.stash[SERVICE_SESSION].end(orderly=exitstatus in ENDED)
    except HarnessError as error:
        terminal = session.config.pluginmanager.getplugin("terminalreporter")
        terminal.write_line(f"{type(error).__name__}: {error}", red=True)
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
