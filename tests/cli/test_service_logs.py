"""What a kept service printed: its last lines, those to come, and no password in either."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from docker.models.containers import Container

from harness.cli.service_logs import kept_log
from harness.engine import LABEL_ROLE, LABEL_SESSION, connect
from harness.errors import EngineError, ServiceError
from harness.services.embedded.processes import SupervisorClient, end_kept
from harness.services.embedded.stack import kept_folders
from harness.services.session import ServiceSession
from harness.services.stack import Stack

PASSWORD = "a-password-of-the-note"
TALKS = f"import time; print('first'); print('in with {PASSWORD}', flush=True); time.sleep(600)"
Ends = Callable[[], object]


@pytest.fixture(autouse=True)
def _runtime(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))


@pytest.fixture
def session(tmp_path: Path) -> ServiceSession:
    session = ServiceSession(tmp_path, None)
    session.write_note("stack-0", {"services": {"minio": {"password": PASSWORD}}})
    return session


@pytest.fixture
def process(session: ServiceSession) -> Iterator[Ends]:
    keeping = SupervisorClient.begin(session.folder)
    started = keeping.start("talker", [sys.executable, "-c", TALKS], {})
    started.await_ready(lambda: started.tail(1).index("in with"), 20)
    keeping.release()
    yield lambda: end_kept(keeping.folder)
    end_kept(keeping.folder)


@pytest.fixture
def container(session: ServiceSession, harness_stack: Stack) -> Iterator[Ends]:
    labels = {LABEL_SESSION: session.ident, LABEL_ROLE: "talker"}
    made: Container = connect().containers.run(
        harness_stack.images["python"].reference,
        ["python3", "-c", TALKS],
        labels=labels,
        detach=True,
        network_mode="none",
    )
    next(made.logs(stream=True, follow=True))
    yield made.kill
    made.remove(force=True)


@pytest.mark.parametrize("kind", ["process", pytest.param("container", marks=pytest.mark.engine)])
def test_last_lines_and_those_to_come(
    kind: str, session: ServiceSession, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    end: Ends = request.getfixturevalue(kind)
    assert list(kept_log(tmp_path, "talker", 1)) == ["in with ***"]
    lines = kept_log(tmp_path, "talker", 10, follow=True)
    assert [next(lines), next(lines)] == ["first", "in with ***"]
    end()
    assert list(lines) == []


def test_lines_that_come_while_it_is_followed(session: ServiceSession, process: Ends, tmp_path: Path) -> None:
    (folder,) = kept_folders(session)
    lines = kept_log(tmp_path, "talker", 1, follow=True)
    next(lines)
    with (folder / "talker.log").open("a") as log:
        log.write("in with a-pass")
        log.flush()
        log.write("word-of-the-note\n")
    assert next(lines) == "in with ***"


def test_a_line_that_is_half_written_when_it_is_first_looked_at(
    session: ServiceSession, process: Ends, tmp_path: Path
) -> None:
    (folder,) = kept_folders(session)
    with (folder / "talker.log").open("a") as log:
        log.write(PASSWORD[:-4])
        log.flush()
        lines = kept_log(tmp_path, "talker", 2, follow=True)
        assert next(lines) == "in with ***"
        log.write(PASSWORD[-4:])
        log.flush()
        (folder / "talker.exit").write_text("1")  # one service ends, the stack does not
    assert list(lines) == ["***"]
    assert list(kept_log(tmp_path, "talker", 2, public={PASSWORD})) == [f"in with {PASSWORD}", PASSWORD]


def test_the_rest_of_a_line_is_masked_when_none_was_asked_for(
    session: ServiceSession, process: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder,) = kept_folders(session)
    with (folder / "talker.log").open("a") as log:
        log.write(PASSWORD[:-4])

    def go_on(seconds: float) -> None:
        with (folder / "talker.log").open("a") as log:
            log.write(PASSWORD[-4:] + "\n")
        (folder / "talker.exit").write_text("1")

    monkeypatch.setattr("harness.cli.service_logs.time", SimpleNamespace(sleep=go_on))
    assert list(kept_log(tmp_path, "talker", 0, follow=True)) == ["***"]


def test_a_service_that_there_is_not(session: ServiceSession, process: Ends, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"^no service 'minio' is kept; there is talker$"):
        next(kept_log(tmp_path, "minio", 1))


def test_no_engine_is_asked_for_a_process(
    session: ServiceSession, process: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where a note says that there were containers, too."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    assert list(kept_log(tmp_path, "talker", 1)) == ["in with ***"]
    with pytest.raises(EngineError):
        next(kept_log(tmp_path, "minio", 1))
