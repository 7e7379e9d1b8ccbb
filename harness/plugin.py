"""pytest: options, fixtures, report. It wires; the work is done elsewhere.

A project says what its DAGs need by overriding three small fixtures that return plain data: `databases`,
`connections` and `environment`. Buckets, network names and images stand in its pyproject.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest

from harness.airflow.metadata import ensure_template
from harness.errors import HarnessError
from harness.images.catalogue import BUILT_IN
from harness.images.obtain import Progress
from harness.report import ScenarioRow, TerminalProgress, failure_sections, mask_report, scenario_table
from harness.services.stack import Stack, stack_in_containers
from harness.settings import ImageMode, Settings, find_root
from harness.world import World

SETTINGS = pytest.StashKey[Settings]()
WORLD = pytest.StashKey[World]()
ROW = "harness-scenario"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("harness", "Airflow scenarios")
    group.addoption("--dags-folder", metavar="PATH", help="the DAGs under test")
    group.addoption("--image-mode", choices=get_args(ImageMode), help="how images are obtained (default: auto)")
    for name in (*BUILT_IN, *_project_images()):
        group.addoption(
            f"--{name}-image", metavar="REFERENCE", help=f"image of {name}; build:RELEASE builds that release"
        )


def _project_images() -> tuple[str, ...]:
    try:
        return tuple(Settings.load(find_root(Path.cwd()), BUILT_IN).images)
    except HarnessError:
        return ()  # told properly in pytest_configure, where a usage error can be raised


def pytest_configure(config: pytest.Config) -> None:
    names = ("dags_folder", "image_mode", *(f"{name}_image" for name in (*BUILT_IN, *_project_images())))
    options = {name: config.getoption(name, None) for name in names}
    try:
        config.stash[SETTINGS] = Settings.load(find_root(config.rootpath), BUILT_IN, options)
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.fixture(scope="session")
def settings(pytestconfig: pytest.Config) -> Settings:
    """The harness's settings (harness.settings.Settings)."""
    return pytestconfig.stash[SETTINGS]


@pytest.fixture(scope="session")
def databases() -> Mapping[str, str]:
    """Override: name of each Postgres database that the DAGs use -> the SQL of its schema."""
    return {}


@pytest.fixture(scope="session")
def stack(
    settings: Settings,
    databases: Mapping[str, str],
    pytestconfig: pytest.Config,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """The services, up and ready; one stack for each test process."""
    with stack_in_containers(settings, databases, _progress(pytestconfig)) as running:
        ensure_template(running.postgres, settings.cache_dir, tmp_path_factory.mktemp("migration"))
        yield running


@pytest.fixture
def connections(stack: Stack) -> Mapping[str, str]:
    """Override: Airflow connection id -> its URI or JSON, for every run of the scenario."""
    return {}


@pytest.fixture
def environment(stack: Stack) -> Mapping[str, str]:
    """Override: further environment variables for every run of the scenario."""
    return {}


@pytest.fixture
def world(
    request: pytest.FixtureRequest,
    settings: Settings,
    stack: Stack,
    connections: Mapping[str, str],
    environment: Mapping[str, str],
    tmp_path: Path,
) -> Iterator[World]:
    """A clean world: empty buckets, databases as their schema left them, no sidecar. Runs are made with world.run()."""
    stack.reset()
    made = World(settings, stack, connections, environment, tmp_path)
    request.node.stash[WORLD] = made
    yield made
    stack.relay.remove_sidecars()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.excinfo and (told := harness_error(call.excinfo.value)):
        report.longrepr = f"{type(told).__name__}: {told}"
    world = item.stash.get(WORLD, None)
    tried = report.when == "call" or (report.when == "setup" and not report.passed)
    if tried and "world" in getattr(item, "fixturenames", ()):
        report.user_properties.append((ROW, ScenarioRow.of(item.name, world, report).as_json()))
        if world is not None and report.failed:
            report.sections += failure_sections(world)
    if world is not None:
        mask_report(report, world.stack)
    return report


def harness_error(error: BaseException) -> HarnessError | None:
    """The error that is told in one line. Several fixtures that fail to end for one cause come as a group."""
    if isinstance(error, BaseExceptionGroup):
        told = [harness_error(one) for one in error.exceptions]
        return told[0] if all(told) else None
    return error if isinstance(error, HarnessError) else None


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = [r for kind in ("passed", "failed", "skipped", "error") for r in terminalreporter.getreports(kind)]
    rows = [ScenarioRow(**value) for r in reports for name, value in r.user_properties if name == ROW]
    if rows:
        scenario_table(rows, terminalreporter)


def _progress(config: pytest.Config) -> Progress:
    """Shows long work on the terminal although pytest captures output; a worker of xdist has no terminal."""
    return TerminalProgress(config.pluginmanager.getplugin("capturemanager"))
