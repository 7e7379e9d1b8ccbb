"""`harness clean`: what it finds, what it leaves alone, and that finding removes nothing."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
import time
from pathlib import Path

import docker
import pytest
from filelock import FileLock

from harness.cleanup.cache import find_cache_files
from harness.cleanup.checkouts import find_dead_embedded_stacks, find_deleted_checkouts, find_kept
from harness.cleanup.images import find_built_images
from harness.cleanup.runs import MIN_AGE, find_dead_runs
from harness.cli import main
from harness.engine import LABEL_ROLE, LABEL_SESSION, connect
from harness.errors import EngineError, ImageError
from harness.images.local import LABEL_RECIPE
from harness.runtime_dir import runtime_dir
from harness.services.embedded.processes import SupervisorClient, end_kept_stack, is_alive
from harness.services.embedded.stack import end_embedded_stacks
from harness.services.reaper import reaper_session
from harness.services.session import ServiceSession, list_sessions, new_run
from harness.services.stack import Stack
from harness.settings import ProjectImage, Settings


@pytest.fixture(autouse=True)
def _empty_runtime_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this test its own private folders, without those of the user."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))


def keep_stack(checkout: Path) -> Path:
    """Keep an embedded stack without services; return its folder."""
    session = ServiceSession(checkout, None)
    supervisor_client = SupervisorClient.launch(session.folder)
    supervisor_client.start("sleeper", [sys.executable, "-c", "import time; time.sleep(600)"], {})
    session.write_state("embedded-0", {"folder": str(supervisor_client.folder), "services": {"minio": {"port": 9}}})
    supervisor_client.release()
    return supervisor_client.folder


def test_kept_stacks_of_this_and_of_deleted_checkouts_are_found(tmp_path: Path) -> None:
    own, other, deleted = (tmp_path / name for name in ("own", "other", "deleted"))
    own.mkdir()
    other.mkdir()
    folders = {checkout: keep_stack(checkout) for checkout in (own, other, deleted)}

    with ServiceSession(deleted, new_run()).claim_slot():
        assert list(find_deleted_checkouts(own, None)) == []

    leftovers = [*find_kept(own, None), *find_deleted_checkouts(own, None)]
    assert all(is_alive(folder) for folder in folders.values()), "finding removes nothing"
    assert [(leftover.kind, leftover.name) for leftover in leftovers] == [
        ("kept stack", f"1 embedded stack of {own}"),
        ("deleted checkout", f"{deleted}: 1 embedded stack kept"),
    ]
    for leftover in leftovers:
        leftover.remove()

    assert [is_alive(folders[checkout]) for checkout in (own, other, deleted)] == [False, True, False]
    assert [*find_kept(own, None), *find_deleted_checkouts(own, None)] == []
    next(find_kept(other, None)).remove()


def test_a_deleted_checkout_is_found_until_its_stack_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deleted = tmp_path / "deleted"
    ServiceSession(deleted, None).write_state(
        "stack-0", {"services": {}}
    )  # The stack has containers, and no engine answers.
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    (leftover,) = find_deleted_checkouts(tmp_path, None)
    with pytest.raises(EngineError):
        leftover.remove()
    assert [again.name for again in find_deleted_checkouts(tmp_path, None)] == [leftover.name]


@pytest.mark.parametrize("has_state_file", [True, False])
def test_a_stack_in_another_temporary_folder_needs_its_state_file(
    has_state_file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stack that was kept under another TMPDIR is removed by its state file only."""
    monkeypatch.setattr("harness.services.embedded.processes.MEMORY", tmp_path / "none")
    old_temporary_folder = tmp_path / "old"
    old_temporary_folder.mkdir()
    with monkeypatch.context() as before:
        before.setattr("tempfile.tempdir", str(old_temporary_folder))
        folder = keep_stack(tmp_path)
    session = ServiceSession(tmp_path, None)
    if not has_state_file:
        session.drop_state("embedded-0")
    assert end_embedded_stacks(session) == (1 if has_state_file else 0)
    assert is_alive(folder) == (not has_state_file)
    end_kept_stack(folder)


def test_folders_of_stacks_that_never_started_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("harness.services.embedded.processes.MEMORY", tmp_path / "none")
    names = ("old_abcd", "youngabc", "notours1", "too-long-a-name")
    old, young, users, longer = (tmp_path / f"airflow-scenarios-{name}" for name in names)
    for folder in (old, young, users, longer):
        folder.mkdir()
        (folder / "kept-for").write_text("x")
    (users / "thesis.txt").write_text("x")
    for folder in (old, users, longer):
        os.utime(folder, (time.time() - 3600,) * 2)
    assert [leftover.name for leftover in find_dead_embedded_stacks()] == [str(old)]
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    assert list(find_dead_embedded_stacks()) == [], "folders of another user are skipped"


def test_a_live_run_is_not_found(tmp_path: Path) -> None:
    dead, alive = (ServiceSession(tmp_path, new_run()) for _ in range(2))
    for session in (dead, alive):
        session.write_state("stack-0", {})
    with alive.claim_slot():
        leftovers = list(find_dead_runs(None))
        assert [leftover.name for leftover in leftovers] == [f"{dead.ident}: its folder"]
        leftovers[0].remove()
        assert not dead.folder.exists()
        assert alive.folder.exists()
    assert [session.run for session in list_sessions(tmp_path)] == [None, alive.run]


def test_command_fails_while_a_test_run_is_in_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with ServiceSession(tmp_path, new_run()).claim_slot():
        assert main(["clean"]) == 2
    with ServiceSession(tmp_path / "other", new_run()).claim_slot():
        assert main(["clean", "--cache"]) == 2
    assert capsys.readouterr().err.startswith("error: a test run is in progress in ")


def test_other_files_in_the_cache_folder_are_not_removed(tmp_path: Path) -> None:
    ours = {
        *("logs/image-minio.log", "logs/environment-0123456789abcdef.log", "logs/traceback.log"),
        *("environments/0123456789abcdef/bin/python", "environments/0123456789abcdef.partial/x"),
        "environments/0123456789abcdef.lock",
        *("metadata/0123456789abcdef.dump", "metadata/0123456789abcdef.lock"),
        *("go-1.25.1/bin/go", "go-1.25.1.lock", "work/aws-abcdefgh/context/x", "work/aws.lock"),
    }
    users = {
        "logs/own.log",
        "metadata/photos.dump",
        "environments/own/bin/python",
        "go-home/x",
        "work/thesis/x",
        "work/aws-thesis-of-me/x",
        "photos/x",
    }
    for name in ours | users:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    with FileLock(tmp_path / "work" / "aws.lock"):
        (locked,) = (leftover for leftover in find_cache_files(tmp_path) if leftover.name.endswith("work/aws"))
        with pytest.raises(ImageError, match="is locked"):
            locked.remove()
    assert (tmp_path / "work/aws-abcdefgh/context/x").exists()
    for leftover in find_cache_files(tmp_path):
        leftover.remove()
    assert {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*") if file.is_file()} == users


@pytest.fixture
def client() -> docker.DockerClient:
    return connect()


@pytest.mark.engine
def test_engine_objects_of_a_dead_run_are_removed(
    harness_stack: Stack, client: docker.DockerClient, tmp_path: Path
) -> None:
    image = harness_stack.images["python"].reference
    dead, reaped = (ServiceSession(tmp_path, new_run()) for _ in range(2))
    other_labels = {"label-of-another-tool": "yes"}

    def start_container(ident: str, role: str) -> str:
        labels = {LABEL_SESSION: ident, LABEL_ROLE: role}
        made = client.containers.run(image, ["sleep", "600"], labels=labels, detach=True, network_mode="none")
        return str(made.id)

    own = [
        start_container(dead.ident, "minio"),
        start_container(reaped.ident, "minio"),
        start_container(reaper_session(reaped.ident), "reaper"),
    ]
    foreign = client.containers.create(image, labels=other_labels)
    network = client.networks.create(f"scenarios-{dead.ident}", labels=dead.labels)
    volume = client.volumes.create(labels=dead.labels)
    try:
        for session in (dead, reaped):
            session.write_state("stack-0", {})
        ours = (dead.ident, reaped.ident)
        (leftover,) = (item for item in find_dead_runs(client) if item.name.startswith(ours))
        assert leftover.name == f"{dead.ident}: 1 container, 1 network, 1 volume"
        leftover.remove()
        existing = {container.id for container in client.containers.list(all=True)}
        assert own[0] not in existing
        assert {
            own[1],
            own[2],
            foreign.id,
            *(container.id for container in stack_containers(client, harness_stack)),
        } <= existing
        assert client.networks.list(ids=[network.id]) == []
        assert volume.name not in [existing.name for existing in client.volumes.list()]
    finally:
        for ident in (dead.ident, reaped.ident, reaper_session(reaped.ident)):
            for container in client.containers.list(all=True, filters={"label": f"{LABEL_SESSION}={ident}"}):
                container.remove(force=True)
        foreign.remove()


@pytest.mark.engine
@pytest.mark.parametrize(("running", "old", "found"), [(False, True, True), (False, False, False), (True, True, False)])
def test_an_unknown_run_is_found_if_it_is_old_and_stopped(
    running: bool,
    old: bool,
    found: bool,
    harness_stack: Stack,
    client: docker.DockerClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run of another user on the same engine is skipped while it runs and while it is young."""
    ident = secrets.token_hex(6)
    image = harness_stack.images["python"].reference
    made = client.containers.create(image, ["sleep", "600"], labels={LABEL_SESSION: ident}, network_mode="none")
    try:
        if running:
            made.start()
        else:
            made.start()
            made.kill()
        now = time.time()
        monkeypatch.setattr("harness.cleanup.runs.time.time", lambda: now + (2 * MIN_AGE if old else 0))
        assert any(leftover.name.startswith(ident) for leftover in find_dead_runs(client)) == found
    finally:
        made.remove(force=True)


def stack_containers(client: docker.DockerClient, stack: Stack) -> list[docker.models.containers.Container]:
    containers: list[docker.models.containers.Container] = client.containers.list(
        filters={"label": f"{LABEL_SESSION}={stack.session_id}"}
    )
    assert containers
    return containers


@pytest.mark.engine
def test_built_images_are_found_by_the_tags_of_the_harness(
    harness_stack: Stack, client: docker.DockerClient, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"FROM {harness_stack.images['python'].reference}\nENV TESTED={secrets.token_hex(4)}\n"
    )
    ours, users = f"airflow-harness/tested:{secrets.token_hex(4)}", f"users-own:{secrets.token_hex(4)}"
    built, _ = client.images.build(path=str(tmp_path), tag=ours, labels={LABEL_RECIPE: "x"}, rm=True)
    project = f"fake-project/api:{secrets.token_hex(4)}"
    built.tag(*users.split(":"))
    built.tag(*project.split(":"))
    settings = Settings(root=tmp_path, images={"api": ProjectImage(tag=project, context=tmp_path)})
    try:
        found = {leftover.name.partition(" ")[0]: leftover for leftover in find_built_images(client, settings)}
        assert {ours, project} <= found.keys()
        assert users not in found
        assert harness_stack.images["minio"].reference in found or not harness_stack.images["minio"].origin.startswith(
            "built"
        )
        found[ours].remove()
        found[project].remove()
        assert client.images.get(users).tags == [users]
    finally:
        client.images.remove(users, force=True)


def test_command_lists_and_then_removes(
    tmp_path: Path, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    (cache / "logs").mkdir(parents=True)
    (cache / "logs" / "traceback.log").write_text("x")
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(cache))
    (tmp_path / "own").mkdir()
    folder = keep_stack(tmp_path / "own")

    def clean(*options: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-m", "harness", "clean", *options],
            cwd=tmp_path / "own",
            env={**os.environ, "PYTHONPATH": str(pytestconfig.rootpath)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    def of_this_test(lines: list[str]) -> list[str]:
        # A killed test may have left a stack folder behind.
        return [re.sub(r", \d+ stack folders?", "", line) for line in lines if "remove stack folder" not in line]

    assert of_this_test(clean("--dry-run", "--cache")) == [
        f"would remove kept stack 1 embedded stack of {tmp_path / 'own'}",
        f"would remove cache file {cache / 'logs' / 'traceback.log'}",
    ]
    assert is_alive(folder)
    assert of_this_test(clean("--cache")) == ["removed 1 kept stack, 1 cache file"]
    assert not is_alive(folder)
    assert not list((cache / "logs").iterdir())
    assert clean() == ["nothing to remove"]
    assert runtime_dir(tmp_path / "own").exists()
