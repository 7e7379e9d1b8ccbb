"""pytest fixtures, and the hooks around a scenario.

A project declares in pyproject.toml what its DAGs need, or overrides three fixtures that return plain data:
`databases`, `connections` and `environment`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from harness.declared_data import check_watched_databases
from harness.errors import HarnessError
from harness.plugin import RECORDER, SERVICE_SESSION, SETTINGS
from harness.report.collect import REMARK
from harness.templating import find_passed_secrets, read_schemas, render_declarations, render_project, template_values
from harness.world_factory import WorldFactory, check_declaration, combine_worlds, find_worlds, is_scenario

# Other modules are imported in functions: a pytest that runs no scenario should not wait for the services' clients.
if TYPE_CHECKING:
    from harness.airflow.environments import AirflowEnvironment
    from harness.airflow.runners import Execute
    from harness.progress import Progress
    from harness.report.recorder import Recorder
    from harness.services.stack import Stack
    from harness.settings import Settings, StackKind
    from harness.world import World

KIND = pytest.StashKey["StackKind"]()
STACK = pytest.StashKey["Stack"]()
"""The stack of this process, from its start on: all reports of later phases are masked with its secrets."""
REMARKS = pytest.StashKey[list[str]]()
REQUESTS = pytest.StashKey[list[pytest.FixtureRequest]]()
"""Requests of the test and the fixtures that pytest is executing, the innermost last."""
NO_ENGINE = (
    "needs a Docker engine, but the stack is embedded: start an engine (`make engine` in the harness's checkout, on "
    "Debian and Ubuntu) and use --harness-stack containers"
)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a scenario that needs an engine where the stack is embedded."""
    if item.get_closest_marker("engine") and _kind(item.config) == "embedded":
        pytest.skip(NO_ENGINE)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In an upgrade check run scenarios alone.

    Other tests don't depend on the versions of a side.
    """
    if config.getoption("harness_side"):
        others = [item for item in items if not is_scenario(item)]
        items[:] = [item for item in items if is_scenario(item)]
        config.hook.pytest_deselected(items=others)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(request: pytest.FixtureRequest) -> Generator[None, object, object]:
    with _executing(request):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    with _executing(pyfuncitem._request):
        return (yield)


@contextmanager
def _executing(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let `world_factory` know which fixture or test calls it."""
    requests = request.config.stash.setdefault(REQUESTS, [])
    requests.append(request)
    try:
        yield
    finally:
        requests.pop()


def _kind(config: pytest.Config) -> StackKind:
    from harness.services.selection import stack_kind

    if KIND not in config.stash:
        config.stash[KIND] = stack_kind(config.stash[SETTINGS])
    return config.stash[KIND]


@pytest.fixture(scope="session")
def harness_settings(pytestconfig: pytest.Config) -> Settings:
    """The harness's settings (harness.Settings)."""
    return pytestconfig.stash[SETTINGS]


@pytest.fixture(scope="session")
def harness_airflow(harness_settings: Settings, pytestconfig: pytest.Config) -> AirflowEnvironment:
    """The Airflow environment: the interpreter that runs `airflow`, and its packages."""
    from harness.airflow.find import find_airflow
    from harness.progress import announce

    progress = _progress(pytestconfig)
    with announce(progress, "Airflow environment", "reading its packages"):
        return find_airflow(harness_settings, pytestconfig.stash[SERVICE_SESSION].labels, progress)


@pytest.fixture(scope="session")
def databases(harness_settings: Settings) -> Mapping[str, str]:
    """Map each Postgres database to the SQL of its schema. Override to declare them in Python."""
    return read_schemas(harness_settings)


@pytest.fixture(scope="session")
def harness_stack(
    harness_settings: Settings,
    harness_airflow: AirflowEnvironment,
    databases: Mapping[str, str],
    pytestconfig: pytest.Config,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """The running services (harness.Stack), one stack for each test process."""
    from contextlib import ExitStack

    from harness.airflow.metadata import ensure_template
    from harness.airflow.runners.choice import choose_plain
    from harness.progress import announce
    from harness.services.seeds import find_seeds
    from harness.services.selection import open_stack

    # Refuse invalid declarations before the services start.
    check_declaration("databases", databases)
    check_watched_databases(harness_settings.watch, databases)
    for objects in (harness_settings.objects, harness_settings.aws_objects):
        find_seeds(harness_settings.root, objects)
    session = pytestconfig.stash[SERVICE_SESSION]
    progress = _progress(pytestconfig)
    with ExitStack() as stack:
        with announce(progress, "services", "starting"):
            running = stack.enter_context(open_stack(session, harness_settings, databases, progress))
        pytestconfig.stash[STACK] = running
        running.passed_secrets.extend(find_passed_secrets(harness_settings))
        if harness_airflow.image:
            running.images["airflow"]  # the image that evidence and report name
        folder, execute = tmp_path_factory.mktemp("migration"), choose_plain(harness_airflow, harness_settings, running)
        with announce(progress, "metadata database", "migrating or restoring its template"):
            ensure_template(harness_airflow, running.postgres, harness_settings.cache_dir, folder, execute)
        yield running


@pytest.fixture(scope="session")
def harness_remarks(pytestconfig: pytest.Config) -> list[str]:
    """Lines under the table of scenarios, such as a fallback to another runner."""
    return pytestconfig.stash.setdefault(REMARKS, [])


@pytest.fixture(scope="session")
def harness_execute(
    harness_settings: Settings,
    harness_airflow: AirflowEnvironment,
    harness_stack: Stack,
    harness_remarks: list[str],
    pytestconfig: pytest.Config,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Execute]:
    """The runner: a function that executes a command of Airflow."""
    from harness.airflow.metadata import fresh_database
    from harness.airflow.runners.choice import choose, choose_plain
    from harness.airflow.runners.warm import WarmRunner
    from harness.dag_coverage import find_coverage, measure_commands, write_settings
    from harness.runtime_dir import hosts_folder

    current, start = find_coverage(pytestconfig), pytestconfig.invocation_params.dir
    coverage = write_settings(current, start, tmp_path_factory.mktemp("coverage")) if current else None
    chosen, remark = choose(harness_settings.runner, harness_airflow)
    if remark:
        harness_remarks.append(remark)
    if chosen != "warm":
        execute = choose_plain(harness_airflow, harness_settings, harness_stack)
        yield measure_commands(execute, harness_airflow, coverage, harness_remarks.append)
        return
    database = partial(fresh_database, harness_airflow, harness_stack.postgres)
    folder = hosts_folder(harness_settings.root)
    warm = WarmRunner(
        harness_airflow, folder, harness_settings.warm_idle, database, harness_remarks.append, _progress(pytestconfig)
    )
    yield measure_commands(warm.execute, harness_airflow, coverage, harness_remarks.append)
    warm.close()


@pytest.fixture(scope="session")
def connections(harness_settings: Settings, harness_stack: Stack) -> Mapping[str, str]:
    """Map Airflow connection ids to URIs or JSON. Override to declare them in Python."""
    return render_declarations(harness_settings.connections, *_values(harness_settings, harness_stack))


@pytest.fixture(scope="session")
def environment(harness_settings: Settings, harness_stack: Stack) -> Mapping[str, str]:
    """Map environment variables of runs to values. Override to declare them in Python."""
    return render_declarations(harness_settings.environment, *_values(harness_settings, harness_stack))


def _render_side(
    config: pytest.Config, settings: Settings, values: Mapping[str, str], engine: bool
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return the connections and the environment that this side of an upgrade check declares."""
    own = settings.upgrade.side(config.getoption("harness_side"))
    return render_declarations(own.connections, values, engine), render_declarations(own.environment, values, engine)


def _values(settings: Settings, stack: Stack) -> tuple[Mapping[str, str], bool]:
    """Return the values that declarations can refer to, and whether the stack has an engine."""
    return template_values(stack, settings.root), stack.kind == "containers"


@pytest.fixture(scope="session")
def world_factory(
    pytestconfig: pytest.Config,
    harness_settings: Settings,
    harness_airflow: AirflowEnvironment,
    harness_stack: Stack,
    harness_execute: Execute,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[WorldFactory]:
    """A function that opens a world, for your fixtures of a module, a class or the session.

    The function is a harness.WorldFactory.
    """
    requests, values = pytestconfig.stash[REQUESTS], _values(harness_settings, harness_stack)
    recorder = find_recorder(pytestconfig)
    factory = WorldFactory(
        harness_settings,
        harness_stack,
        harness_airflow,
        harness_execute,
        declared=render_project(harness_settings, *values),
        of_side=_render_side(pytestconfig, harness_settings, *values),
        graph=bool(pytestconfig.getoption("--harness-report")),
        record=recorder is not None,
        echo=print if _shows_output(pytestconfig) else None,
        keep_metadata=pytestconfig.getoption("harness_keep_metadata"),
        requests=requests,
        make_folder=tmp_path_factory.mktemp,
    )
    yield factory
    if recorder and factory.newest:
        recorder.complete(factory.newest, tmp_path_factory.mktemp)


@pytest.fixture
def world(
    request: pytest.FixtureRequest,
    world_factory: WorldFactory,
    connections: Mapping[str, str],
    environment: Mapping[str, str],
    tmp_path: Path,
) -> Iterator[World]:
    """A clean world (harness.World): declared buckets, seed objects and databases, no sidecar."""
    with world_factory.open(request, tmp_path) as clean:
        yield clean


@pytest.fixture
def remark(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """A function that adds a line under the table of scenarios and to JUnit's file."""
    return lambda text: request.node.user_properties.append((REMARK, f"{request.node.name}: {text}"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    worlds = find_worlds(item)
    for world in worlds[:1]:
        remarks = ((REMARK, text) for text in (*world.stack.remarks, *item.config.stash.get(REMARKS, ())))
        item.user_properties += [remark for remark in remarks if remark not in item.user_properties]
    report = yield
    error = call.excinfo.value if call.excinfo else None
    if error and (known := harness_error(error)):
        from harness.report.sections import create_failure_repr

        line = f"{type(known).__name__}: {known}"
        report.longrepr, error = create_failure_repr(report, line, line), known
    stack = worlds[-1].stack if worlds else item.config.stash.get(STACK, None)
    if stack or is_scenario(item):
        from harness.report.sections import clean_report
        from harness.shown_text import shown_text

        show = stack.mask if stack else shown_text
        terminal = item.config.pluginmanager.getplugin("terminalreporter")
        clean_report(report, show, colours=bool(terminal and terminal.hasmarkup))
        if is_scenario(item):
            _report_scenario(item, combine_worlds(worlds) if worlds else None, report, error, show)
    return report


def _report_scenario(
    item: pytest.Item,
    world: World | None,
    report: pytest.TestReport,
    error: BaseException | None,
    show: Callable[[str], str],
) -> None:
    from harness.report.gather import build_part
    from harness.report.sections import attach_sections

    if report.when == "call" or (report.when == "setup" and not report.passed):
        whole = bool(item.config.getoption("--harness-report"))
        attach_sections(report, build_part(item, world, report, error, whole, show))
    if recorder := find_recorder(item.config):
        from harness.report.recorder import EndedPhase

        stack = world.stack if world else item.config.stash.get(STACK, None)
        recorder.end_phase(report, EndedPhase(world.runs if world else (), stack, error, show))


def find_recorder(config: pytest.Config) -> Recorder | None:
    """Return the plugin of `--harness-evidence`, if the option is given."""
    return cast("Recorder | None", config.pluginmanager.get_plugin(RECORDER))


def harness_error(error: BaseException) -> HarnessError | None:
    """Return the HarnessError to show in one line, also of a group of errors; else None."""
    if isinstance(error, BaseExceptionGroup):
        errors = [harness_error(part) for part in error.exceptions]
        return errors[0] if all(errors) else None
    return error if isinstance(error, HarnessError) else None


def _progress(config: pytest.Config) -> Progress:
    """Return the progress of `harness run`, else a progress that bypasses pytest's capture."""
    from harness.report.terminal import PROGRESS, TerminalProgress

    if PROGRESS in config.stash:
        return config.stash[PROGRESS]
    return TerminalProgress(config)


def _shows_output(config: pytest.Config) -> bool:
    """Return whether `pytest -s` shows what a test prints.

    False in `harness run`, which uses -s too, and shows tasks.
    """
    from harness.report.terminal import PROGRESS

    return config.getoption("capture") == "no" and PROGRESS not in config.stash and not hasattr(config, "workerinput")
