"""pytest: the fixtures, and what is done around a scenario. It wires; the work is done elsewhere.

A project says in its pyproject what its DAGs need, or overrides three small fixtures that return plain data:
`databases`, `connections` and `environment`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.declared import rendered, schemas, values
from harness.errors import HarnessError
from harness.plugin import FLEET, SETTINGS

# The rest is imported where it is used: a pytest that runs no scenario should not wait for the clients of the services.
if TYPE_CHECKING:
    from harness.airflow.environments import AirflowEnvironment
    from harness.airflow.runners import Execute
    from harness.progress import Progress
    from harness.services.stack import Stack
    from harness.settings import Settings, StackKind
    from harness.world import World

KIND = pytest.StashKey["StackKind"]()
WORLD = pytest.StashKey["World"]()
NO_ENGINE = (
    "needs a Docker engine, and the stack is embedded: "
    "where one answers (`make engine` gets it on Debian or Ubuntu), --stack containers runs it"
)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a scenario that needs an engine where the stack is embedded."""
    if item.get_closest_marker("engine") and _kind(item.config) == "embedded":
        pytest.skip(NO_ENGINE)


def _kind(config: pytest.Config) -> StackKind:
    from harness.services.kind import stack_kind

    if KIND not in config.stash:
        config.stash[KIND] = stack_kind(config.stash[SETTINGS])
    return config.stash[KIND]


@pytest.fixture(scope="session")
def settings(pytestconfig: pytest.Config) -> Settings:
    """The harness's settings (harness.settings.Settings)."""
    return pytestconfig.stash[SETTINGS]


@pytest.fixture(scope="session")
def harness_airflow(settings: Settings) -> AirflowEnvironment:
    """The Airflow environment: the interpreter that runs `airflow`, and what is installed there."""
    from harness.airflow.environments import find_environment

    return find_environment(settings.airflow_python)


@pytest.fixture(scope="session")
def databases(settings: Settings) -> Mapping[str, str]:
    """Name of each Postgres database -> the SQL of its schema: what pyproject declares, or override."""
    return schemas(settings)


@pytest.fixture(scope="session")
def stack(
    settings: Settings,
    harness_airflow: AirflowEnvironment,
    databases: Mapping[str, str],
    pytestconfig: pytest.Config,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """The services, up and ready; one stack for each test process."""
    from harness.airflow.metadata import ensure_template
    from harness.services.kind import open_stack

    fleet = pytestconfig.stash[FLEET]
    with open_stack(fleet, settings, databases, _progress(pytestconfig)) as running:
        ensure_template(harness_airflow, running.postgres, settings.cache_dir, tmp_path_factory.mktemp("migration"))
        yield running


@pytest.fixture(scope="session")
def runner_remarks() -> list[str]:
    """Lines for the user about the runner: why it is another one than might be expected."""
    return []


@pytest.fixture(scope="session")
def execute(
    settings: Settings, harness_airflow: AirflowEnvironment, stack: Stack, runner_remarks: list[str]
) -> Iterator[Execute]:
    """The runner that was chosen."""
    from harness.airflow.metadata import fresh_database
    from harness.airflow.runners import process
    from harness.airflow.runners.choice import choose
    from harness.airflow.runners.warm import WarmRunner, hosts_folder

    chosen, remark = choose(settings.runner, harness_airflow.line)
    if remark:
        runner_remarks.append(remark)
    if chosen == "process":
        yield process.execute
        return
    database = partial(fresh_database, harness_airflow, stack.postgres)
    folder = hosts_folder(settings.root)
    warm = WarmRunner(harness_airflow, folder, settings.warm_idle, database, runner_remarks.append)
    yield warm.execute
    warm.close()


@pytest.fixture
def connections(settings: Settings, stack: Stack) -> Mapping[str, str]:
    """Airflow connection id -> its URI or JSON, for every run: what pyproject declares, or override."""
    return rendered(settings.connections, values(stack), engine=stack.kind == "containers")


@pytest.fixture
def environment(settings: Settings, stack: Stack) -> Mapping[str, str]:
    """Further environment variables for every run: what pyproject declares, or override."""
    return rendered(settings.environment, values(stack), engine=stack.kind == "containers")


@pytest.fixture
def world(
    request: pytest.FixtureRequest,
    settings: Settings,
    harness_airflow: AirflowEnvironment,
    stack: Stack,
    execute: Execute,
    runner_remarks: list[str],
    connections: Mapping[str, str],
    environment: Mapping[str, str],
    tmp_path: Path,
) -> Iterator[World]:
    """A clean world: empty buckets, databases as their schema left them, no sidecar. Runs are made with world.run()."""
    from harness.report.collect import REMARK
    from harness.world import World

    stack.reset()
    graph = bool(request.config.getoption("--report"))
    made = World(settings, stack, harness_airflow, execute, connections, environment, tmp_path, graph=graph)
    request.node.stash[WORLD] = made
    request.node.user_properties += [(REMARK, text) for text in stack.remarks]
    yield made
    request.node.user_properties += [(REMARK, text) for text in runner_remarks]
    stack.relay.remove_sidecars()


@pytest.fixture
def remark(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """For what a scenario has found out and its reader should know: a line under the table, and in JUnit."""
    from harness.report.collect import REMARK

    return lambda text: request.node.user_properties.append((REMARK, f"{request.node.name}: {text}"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    error = call.excinfo.value if call.excinfo else None
    if error and (known := harness_error(error)):
        from harness.report.sections import told

        line = f"{type(known).__name__}: {known}"
        report.longrepr, error = told(report, line, line), known
    if "world" in getattr(item, "fixturenames", ()):
        _report_scenario(item, report, error)
    return report


def _report_scenario(item: pytest.Item, report: pytest.TestReport, error: BaseException | None) -> None:
    from harness.record import write_record
    from harness.report.gather import part_of
    from harness.report.sections import attach, mask_report

    world = item.stash.get(WORLD, None)
    if world is not None:
        mask_report(report, world.stack.mask)
    if report.when == "call" or (report.when == "setup" and not report.passed):
        attach(report, part_of(item, world, report, error, whole=bool(item.config.getoption("--report"))))
    if world is not None and report.when == "call" and (folder := item.config.getoption("--evidence")):
        write_record(folder, item.nodeid, world.runs, world.stack.mask)


def harness_error(error: BaseException) -> HarnessError | None:
    """The error that is told in one line. Several fixtures that fail to end for one cause come as a group."""
    if isinstance(error, BaseExceptionGroup):
        told = [harness_error(one) for one in error.exceptions]
        return told[0] if all(told) else None
    return error if isinstance(error, HarnessError) else None


def _progress(config: pytest.Config) -> Progress:
    """Shows long work on the terminal although pytest captures output; a worker of xdist has no terminal."""
    from harness.report.terminal import PROGRESS, TerminalProgress

    if PROGRESS in config.stash:
        return config.stash[PROGRESS]
    return TerminalProgress(config.pluginmanager.getplugin("capturemanager"))
