"""pytest: options, settings, the session and the report; brings harness.fixtures with it."""

from __future__ import annotations

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
from harness.settings import ImageMode, Runner, Settings, StackChoice, find_root

pytest_plugins = ["harness.fixtures"]  # here, so that a project's own plugins and conftests can replace fixtures
SETTINGS = pytest.StashKey[Settings]()
SERVICE_SESSION = pytest.StashKey[ServiceSession]()
ENDED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
"""Exit codes of a run that came to its end, however it ended."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("harness", "Airflow scenarios")
    group.addoption("--harness-dags-folder", metavar="PATH", help="the DAGs under test")
    group.addoption(
        "--harness-airflow-python",
        metavar="PATH",
        help="the Python that runs `airflow` (default: the one that runs pytest)",
    )
    group.addoption(
        "--harness-runner",
        choices=get_args(Runner),
        help="how `airflow dags test` is run: by a new process, or by a fork of a warm one; "
        "auto (default): warm on Linux and the Airflow lines on which it is proved",
    )
    group.addoption(
        "--harness-evidence", metavar="DIR", type=Path, help="write what each scenario's runs left, as JSON"
    )
    group.addoption(
        "--harness-report", metavar="DIR", type=Path, help="write an HTML page of the scenarios, and its data as JSON"
    )
    group.addoption(
        "--harness-reuse", action="store_true", default=None, help="keep the services for the next test run"
    )
    group.addoption(
        "--harness-stack",
        choices=get_args(StackChoice),
        help="the services: containers, or embedded, as processes without a Docker engine; "
        "auto (default): containers if an engine answers",
    )
    group.addoption("--harness-image-mode", choices=get_args(ImageMode), help="how images are obtained (default: auto)")
    for name in (*BUILT_IN, *_project_images()):
        group.addoption(
            f"--harness-{name}-image", metavar="REFERENCE", help=f"image of {name}; build:RELEASE builds that release"
        )


def _project_images() -> tuple[str, ...]:
    try:
        return tuple(Settings.load(find_root(Path.cwd()), BUILT_IN).images)
    except HarnessError:
        return ()  # told properly in pytest_configure, where a usage error can be raised


def pytest_configure(config: pytest.Config) -> None:
    images = (f"{name}_image" for name in (*BUILT_IN, *_project_images()))
    names = ("airflow_python", "dags_folder", "image_mode", "reuse", "runner", "stack", *images)
    options = {name: config.getoption(f"harness_{name}".replace("-", "_"), None) for name in names}
    try:
        config.stash[SETTINGS] = Settings.load(find_root(config.rootpath), BUILT_IN, options)
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from error
    settings = config.stash[SETTINGS]
    named = [name for name in options if name.endswith("_image") and options[name]]
    if options["stack"] == "embedded" and named:
        given = ", ".join(f"--harness-{name.replace('_', '-')}" for name in named)
        raise pytest.UsageError(
            f"{given}: the embedded stack has no images; leave that out, or use --harness-stack containers"
        )
    if settings.fixed_ports and len(getattr(config.option, "tx", None) or ()) > 1:
        raise pytest.UsageError(
            f"each worker of -n has a stack of its own, and one stack alone can have the ports that the settings fix "
            f"({', '.join(settings.fixed_ports)}): run with -n 0, or without these settings"
        )
    config.addinivalue_line("markers", "engine: needs a Docker engine; not run where the stack is embedded")
    config.stash[SERVICE_SESSION] = ServiceSession(
        settings.root, None if settings.reuse else _run_id(config, settings.root)
    )
    config.pluginmanager.register(LongestFirst(config), NAME)
    if not hasattr(config, "workerinput"):
        _collect(config)


def _run_id(config: pytest.Config, root: Path) -> str:
    """The same id in xdist's controller and workers, by xdist's own id of a test run; without xdist a new one."""
    if hasattr(config, "workerinput"):
        given = config.workerinput["testrunuid"]
    else:
        given = config.option.testrunuid = config.getoption("testrunuid", None) or new_run()
    # A user can set xdist's id to anything (--testrunuid), also to the same in two checkouts.
    return hashlib.sha256(f"{root} {given}".encode()).hexdigest()[:12]


def _collect(config: pytest.Config) -> None:
    try:
        for option in ("--harness-report", "--harness-evidence"):
            if folder := config.getoption(option):
                check_folder(option, folder)
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from error
    config.pluginmanager.register(Collector(config.getoption("--harness-report")), "harness-report")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker may have crashed: until another one takes its place, the reaper must see that the run goes on."""
    node.config.stash[SERVICE_SESSION].watch_too()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Generator[None, None, None]:
    """The session ends with the run, when xdist's workers have ended, which is before the yield returns."""
    yield
    if hasattr(session.config, "workerinput"):
        return
    try:
        session.config.stash[SERVICE_SESSION].end(orderly=exitstatus in ENDED)
    except HarnessError as error:
        terminal = session.config.pluginmanager.getplugin("terminalreporter")
        terminal.write_line(f"{type(error).__name__}: {error}", red=True)
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
