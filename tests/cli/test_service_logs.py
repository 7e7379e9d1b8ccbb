"""The output of a kept service: its last lines and new lines, with passwords masked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from docker.models.containers import Container

from harness.cli.service_logs import read_logs
from harness.engine import LABEL_ROLE, LABEL_SESSION, connect
from harness.errors import EngineError, ServiceError
from harness.services.embedded.processes import SupervisorClient, end_kept_stack
from harness.services.embedded.stack import list_kept_folders
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
    session.write_state("stack-0", {"services": {"minio": {"password": PASSWORD}}})
    return session


@pytest.fixture
def process(session: ServiceSession) -> Iterator[Ends]:
    supervisor_client = SupervisorClient.launch(session.folder)
    started = supervisor_client.start("talker", [sys.executable, "-c", TALKS], {})
    started.await_ready(lambda: started.read_log_tail(1).index("in with"), 20)
    supervisor_client.release()
    yield lambda: end_kept_stack(supervisor_client.folder)
    end_kept_stack(supervisor_client.folder)


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
def test_last_lines_and_new_lines_are_shown(
    kind: str, session: ServiceSession, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    end: Ends = request.getfixturevalue(kind)
    assert list(read_logs(tmp_path, "talker", 1)) == ["in with ***"]
    lines = read_logs(tmp_path, "talker", 10, follow=True)
    assert [next(lines), next(lines)] == ["first", "in with ***"]
    end()
    assert list(lines) == []


def test_new_lines_are_followed(session: ServiceSession, process: Ends, tmp_path: Path) -> None:
    (folder,) = list_kept_folders(session)
    lines = read_logs(tmp_path, "talker", 1, follow=True)
    next(lines)
    with (folder / "talker.log").open("a") as log:
        log.write("in with a-pass")
        log.flush()
        log.write("word-of-the-note\n")
    assert next(lines) == "in with ***"


def test_a_partial_last_line_is_masked_when_complete(session: ServiceSession, process: Ends, tmp_path: Path) -> None:
    (folder,) = list_kept_folders(session)
    with (folder / "talker.log").open("a") as log:
        log.write(PASSWORD[:-4])
        log.flush()
        lines = read_logs(tmp_path, "talker", 2, follow=True)
        assert next(lines) == "in with ***"
        log.write(PASSWORD[-4:])
        log.flush()
        (folder / "talker.exit").write_text("1")  # One service ends, but not the stack.
    assert list(lines) == ["***"]
    assert list(read_logs(tmp_path, "talker", 2, public={PASSWORD})) == [f"in with {PASSWORD}", PASSWORD]


def test_the_rest_of_a_partial_line_is_masked_without_tail(
    session: ServiceSession, process: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder,) = list_kept_folders(session)
    with (folder / "talker.log").open("a") as log:
        log.write(PASSWORD[:-4])

    def go_on(seconds: float) -> None:
        with (folder / "talker.log").open("a") as log:
            log.write(PASSWORD[-4:] + "\n")
        (folder / "talker.exit").write_text("1")

    monkeypatch.setattr("harness.cli.service_logs.time", SimpleNamespace(sleep=go_on))
    assert list(read_logs(tmp_path, "talker", 0, follow=True)) == ["***"]


def test_without_a_name_all_services_are_shown(session: ServiceSession, process: Ends, tmp_path: Path) -> None:
    (folder,) = list_kept_folders(session)
    (folder / "aws.log").write_text("one\ntwo\n")
    lines = ["aws    | two", "talker | in with ***"]
    assert list(read_logs(tmp_path, None, 1)) == lines
    followed = read_logs(tmp_path, None, 1, follow=True)
    assert sorted([next(followed), next(followed)]) == lines
    with (folder / "aws.log").open("a") as log:
        log.write("three\n")
    assert next(followed) == "aws    | three"
    process()
    assert list(followed) == []


def test_no_service_at_all_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    with pytest.raises(ServiceError, match=r"^no service is kept: start it with `harness up`$"):
        next(read_logs(tmp_path, None, 1))


def test_an_unknown_service_is_an_error(session: ServiceSession, process: Ends, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"^no service 'minio' is kept: choose from talker$"):
        next(read_logs(tmp_path, "minio", 1))


def test_logs_of_a_process_need_no_engine(
    session: ServiceSession, process: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if a state file mentions containers."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    assert list(read_logs(tmp_path, "talker", 1)) == ["in with ***"]
    with pytest.raises(EngineError):
        next(read_logs(tmp_path, "minio", 1))
