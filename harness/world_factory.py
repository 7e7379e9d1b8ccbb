"""Open worlds on the stack of a test process, and find the worlds of a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.errors import SettingsError

# World is imported in functions: a pytest that runs no scenario should not wait for the services' clients.
if TYPE_CHECKING:
    from harness.airflow.environments import AirflowEnvironment
    from harness.airflow.runners import Execute
    from harness.services.stack import Stack
    from harness.settings import Settings
    from harness.world import World

WORLDS = pytest.StashKey["dict[str | None, tuple[pytest.FixtureRequest, list[World]]]"]()
"""In the test, class, module or session that owns worlds: fixture (None: the test itself) -> its request and worlds."""
FIXTURES = frozenset({"world", "world_factory"})


@dataclass(repr=False)  # its repr would fill the head of every traceback
class WorldFactory:
    """The fixture `world_factory`: `with world_factory() as world:` opens a clean world.

    The end of the block ends the world. A stack serves one world at a time. Opening a world resets the services and
    ends the world before. Runs and evidence of an ended world stay readable; its methods that use services raise
    WorldEndedError. In a fixture of a class, a module or the session, the world has your overrides of `connections` and
    `environment` if these have that scope.
    """

    settings: Settings
    stack: Stack
    airflow: AirflowEnvironment
    execute: Execute
    graph: bool
    requests: Sequence[pytest.FixtureRequest]
    """Requests of the test and the fixtures that pytest is executing, the innermost last."""
    make_folder: Callable[[str], Path]
    declared: Mapping[str, str] = field(default_factory=dict)
    """Environment variables of Airflow's variables and settings in pyproject."""
    of_side: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {})
    """Connections and environment of a side of an upgrade check, which win over the fixtures'."""
    record: bool = False
    """Whether each run leaves its document for `--harness-evidence`."""
    echo: Callable[[str], None] | None = None
    keep_metadata: Path | None = None
    """Receives a dump of the metadata database after the session's first run."""
    newest: World | None = field(default=None, init=False)
    """The world that was opened last, which may have ended."""
    _current: World | None = field(default=None, init=False)

    def __call__(self) -> AbstractContextManager[World]:
        if not self.requests:
            raise SettingsError("world_factory() was called outside a test: call it in a fixture or a test")
        return self.open(self.requests[-1], self.make_folder("world"))

    @contextmanager
    def open(self, request: pytest.FixtureRequest, folder: Path) -> Iterator[World]:
        """Open a world that belongs to the fixture or test of `request`.

        The world has the declarations of that fixture or test.
        """
        from harness.services.seeds import put_seeds
        from harness.world import Lease, World

        connections, environment = (
            {**_get_declaration(request, name), **own}
            for name, own in zip(("connections", "environment"), self.of_side, strict=True)
        )
        owner = f"the world of {_describe(request)}"
        if self._current:
            self._current.lease.end(f"when {owner} opened and reset the services", "open one world after the other")
            self._current = None
        self.stack.reset()
        put_seeds(self.stack, self.settings)
        world = World(
            self.settings,
            self.stack,
            self.airflow,
            self.execute,
            connections,
            environment,
            folder,
            declared=self.declared,
            graph=self.graph,
            record=self.record,
            echo=self.echo,
            keep_metadata=self.keep_metadata,
            lease=Lease(owner),
        )
        register_world(request, world)
        self._current = self.newest = world
        try:
            yield world
        finally:
            if self._current is world:
                self._current = None
                self.stack.relay.remove_sidecars()
                world.lease.end("with its `with` block", "use the services inside the block")


def register_world(request: pytest.FixtureRequest, world: World) -> None:
    """Let the reports of all tests that use the fixture of `request` show the world's runs."""
    owned = request.node.stash.setdefault(WORLDS, {})
    if request.fixturename not in owned or owned[request.fixturename][0] is not request:
        owned[request.fixturename] = (request, [])  # Worlds of an earlier set-up of the fixture are over.
    owned[request.fixturename][1].append(world)


def find_worlds(item: pytest.Item) -> list[World]:
    """Return the worlds that the test and its fixtures opened, those of the session first."""
    names = {None, *getattr(item, "fixturenames", ())}
    owned = [pair for node in item.listchain() for pair in node.stash.get(WORLDS, {}).items()]
    return [world for name, (_, worlds) in owned if name in names for world in worlds]


def combine_worlds(worlds: Sequence[World]) -> World:
    """Return a copy of the last world with the runs of all worlds, for a report."""
    return replace(worlds[-1], runs=[run for world in worlds for run in world.runs])


def is_scenario(item: pytest.Item) -> bool:
    """Return whether the test or one of its fixtures requests a world."""
    return not FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))


def check_declaration(fixture: str, declared: object) -> None:
    """Raise SettingsError if the fixture, perhaps another plugin's, returned no texts by name."""
    if not isinstance(declared, Mapping) or not all(
        isinstance(text, str) for pair in declared.items() for text in pair
    ):
        raise SettingsError(
            f"fixture {fixture!r} returned {type(declared).__name__}, not texts by name: if another plugin "
            f"has a fixture of that name, override {fixture!r} in conftest.py"
        )


def _get_declaration(request: pytest.FixtureRequest, fixture: str) -> Mapping[str, str]:
    try:
        declared: Mapping[str, str] = request.getfixturevalue(fixture)
    except pytest.fail.Exception as error:
        if not str(error).startswith("ScopeMismatch"):
            raise
        raise SettingsError(
            f"fixture {fixture!r} ends with each test, and {_describe(request)} needs it for a {request.scope}: "
            f'write @pytest.fixture(scope="session") at your {fixture!r}'
        ) from error
    check_declaration(fixture, declared)
    return declared


def _describe(request: pytest.FixtureRequest) -> str:
    if request.scope == "function":
        return f"test {request.node.name!r}"
    return f"fixture {request.fixturename!r}"
