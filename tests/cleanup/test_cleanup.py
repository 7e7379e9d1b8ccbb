"""`harness clean`: what it finds, what it leaves alone, and that telling removes nothing."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from filelock import FileLock

from harness.cleanup.cache import of_cache
from harness.cleanup.checkouts import of_embedded, of_gone, of_own
from harness.cleanup.images import of_images
from harness.cleanup.leftovers import Left
from harness.cleanup.runs import YOUNG, of_runs
from harness.cli import main
from harness.engine import LABEL_FLEET, LABEL_ROLE, connect
from harness.errors import EngineError, ImageError
from harness.images.local import LABEL_RECIPE
from harness.private import private_folder
from harness.services.embedded.processes import Keeping, end_kept, lives
from harness.services.embedded.stack import end_embedded
from harness.services.fleet import Fleet, fleets, new_run
from harness.services.reaper import fleet_of_reaper
from harness.services.stack import Stack
from harness.settings import ProjectImage, Settings


@pytest.fixture(autouse=True)
def _runtime(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Private folders of this test alone: what else this user has is not its business."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))


def named(found: Iterator[Left]) -> dict[str, Left]:
    return {one.kind: one for one in found}


def keep_one(checkout: Path) -> Path:
    """A kept embedded stack without services, as far as its folder and its keeper go."""
    fleet = Fleet(checkout, None)
    keeping = Keeping.begin(fleet.folder)
    keeping.start("sleeper", [sys.executable, "-c", "import time; time.sleep(600)"], {})
    fleet.write_note("embedded-0", {"folder": str(keeping.folder), "services": {"minio": {"port": 9}}})
    keeping.release()
    return keeping.folder


def test_what_is_kept_for_this_checkout_and_for_those_that_have_gone(tmp_path: Path) -> None:
    own, other, gone = (tmp_path / name for name in ("own", "other", "gone"))
    own.mkdir()
    other.mkdir()
    folders = {checkout: keep_one(checkout) for checkout in (own, other, gone)}

    with Fleet(gone, new_run()).slot():
        assert list(of_gone(own, None)) == []

    found = [*of_own(own, None), *of_gone(own, None)]
    assert all(lives(folder) for folder in folders.values()), "telling removes nothing"
    assert [(one.kind, one.name) for one in found] == [
        ("kept stack", f"1 embedded stack of {own}"),
        ("gone checkout", f"{gone}: 1 embedded stack kept"),
    ]
    for one in found:
        one.remove()

    assert [lives(folders[checkout]) for checkout in (own, other, gone)] == [False, True, False]
    assert [*of_own(own, None), *of_gone(own, None)] == []
    next(of_own(other, None)).remove()


def test_a_gone_checkout_is_known_until_its_stack_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    Fleet(gone, None).write_note("stack-0", {"services": {}})  # containers, and no engine answers
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    (found,) = of_gone(tmp_path, None)
    with pytest.raises(EngineError):
        found.remove()
    assert [one.name for one in of_gone(tmp_path, None)] == [found.name]


@pytest.mark.parametrize("noted", [True, False])
def test_a_stack_that_another_temporary_folder_holds(
    noted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TMPDIR was another one when it was kept; without its note it is not found, and not forgotten either."""
    monkeypatch.setattr("harness.services.embedded.processes.MEMORY", tmp_path / "none")
    there = tmp_path / "there"
    there.mkdir()
    with monkeypatch.context() as before:
        before.setattr("tempfile.tempdir", str(there))
        folder = keep_one(tmp_path)
    fleet = Fleet(tmp_path, None)
    if not noted:
        fleet.drop_note("embedded-0")
    assert end_embedded(fleet) == (1 if noted else 0)
    assert lives(folder) == (not noted)
    end_kept(folder)


def test_folders_of_stacks_that_never_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert [one.name for one in of_embedded()] == [str(old)]
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    assert list(of_embedded()) == [], "another user's can't even be looked into"


def test_a_run_that_is_alive_is_left_alone(tmp_path: Path) -> None:
    dead, alive = (Fleet(tmp_path, new_run()) for _ in range(2))
    for fleet in (dead, alive):
        fleet.write_note("stack-0", {})
    with alive.slot():
        found = list(of_runs(None))
        assert [one.name for one in found] == [f"{dead.ident}: its folder"]
        found[0].remove()
        assert not dead.folder.exists()
        assert alive.folder.exists()
    assert [fleet.run for fleet in fleets(tmp_path)] == [None, alive.run]


def test_the_command_refuses_while_a_test_run_is_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with Fleet(tmp_path, new_run()).slot():
        assert main(["clean"]) == 2
    with Fleet(tmp_path / "other", new_run()).slot():
        assert main(["clean", "--cache"]) == 2
    assert capsys.readouterr().err.startswith("error: a test run is under way in ")


def test_the_cache_of_a_user_who_has_other_things_there(tmp_path: Path) -> None:
    ours = {
        *("logs/image-minio.log", "logs/traceback.log"),
        *("metadata/0123456789abcdef.dump", "metadata/0123456789abcdef.lock"),
        *("go-1.25.1/bin/go", "go-1.25.1.lock", "work/aws-abcdefgh/context/x", "work/aws.lock"),
    }
    users = {
        "logs/own.log",
        "metadata/photos.dump",
        "go-home/x",
        "work/thesis/x",
        "work/aws-thesis-of-me/x",
        "photos/x",
    }
    for name in ours | users:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    with FileLock(tmp_path / "work" / "aws.lock"):
        (held,) = (one for one in of_cache(tmp_path) if one.name.endswith("work/aws"))
        with pytest.raises(ImageError, match="is being made"):
            held.remove()
    assert (tmp_path / "work/aws-abcdefgh/context/x").exists()
    for one in of_cache(tmp_path):
        one.remove()
    assert {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*") if file.is_file()} == users


@pytest.fixture
def client() -> docker.DockerClient:
    return connect()


@pytest.mark.engine
def test_what_a_dead_run_left_on_the_engine(stack: Stack, client: docker.DockerClient, tmp_path: Path) -> None:
    image = stack.images["python"].reference
    dead, swept = (Fleet(tmp_path, new_run()) for _ in range(2))
    strangers = {"label-of-another-tool": "yes"}

    def put(ident: str, role: str) -> str:
        labels = {LABEL_FLEET: ident, LABEL_ROLE: role}
        made = client.containers.run(image, ["sleep", "600"], labels=labels, detach=True, network_mode="none")
        return str(made.id)

    own = [put(dead.ident, "minio"), put(swept.ident, "minio"), put(fleet_of_reaper(swept.ident), "reaper")]
    foreign = client.containers.create(image, labels=strangers)
    network = client.networks.create(f"scenarios-{dead.ident}", labels=dead.labels)
    volume = client.volumes.create(labels=dead.labels)
    try:
        for fleet in (dead, swept):
            fleet.write_note("stack-0", {})
        (found,) = (one for one in of_runs(client) if one.name.startswith((dead.ident, swept.ident)))
        assert found.name == f"{dead.ident}: 1 container, 1 network, 1 volume"
        found.remove()
        there = {one.id for one in client.containers.list(all=True)}
        assert own[0] not in there
        assert {own[1], own[2], foreign.id, *(one.id for one in stack_containers(client, stack))} <= there
        assert client.networks.list(ids=[network.id]) == []
        assert volume.name not in [one.name for one in client.volumes.list()]
    finally:
        for ident in (dead.ident, swept.ident, fleet_of_reaper(swept.ident)):
            for one in client.containers.list(all=True, filters={"label": f"{LABEL_FLEET}={ident}"}):
                one.remove(force=True)
        foreign.remove()


@pytest.mark.engine
@pytest.mark.parametrize(("runs", "old", "told"), [(False, True, True), (False, False, False), (True, True, False)])
def test_what_nobody_here_knows(
    runs: bool, old: bool, told: bool, stack: Stack, client: docker.DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user's, on the same engine: left while it runs, and while it is young."""
    ident = secrets.token_hex(6)
    image = stack.images["python"].reference
    made = client.containers.create(image, ["sleep", "600"], labels={LABEL_FLEET: ident}, network_mode="none")
    try:
        if runs:
            made.start()
        else:
            made.start()
            made.kill()
        now = time.time()
        monkeypatch.setattr("harness.cleanup.runs.time.time", lambda: now + (2 * YOUNG if old else 0))
        assert any(one.name.startswith(ident) for one in of_runs(client)) == told
    finally:
        made.remove(force=True)


def stack_containers(client: docker.DockerClient, stack: Stack) -> list[docker.models.containers.Container]:
    found: list[docker.models.containers.Container] = client.containers.list(
        filters={"label": f"{LABEL_FLEET}={stack.fleet_id}"}
    )
    assert found
    return found


@pytest.mark.engine
def test_images_that_were_built_under_the_names_that_they_were_given(
    stack: Stack, client: docker.DockerClient, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(
        f"FROM {stack.images['python'].reference}\nENV TESTED={secrets.token_hex(4)}\n"
    )
    ours, users = f"airflow-harness/tested:{secrets.token_hex(4)}", f"users-own:{secrets.token_hex(4)}"
    built, _ = client.images.build(path=str(tmp_path), tag=ours, labels={LABEL_RECIPE: "x"}, rm=True)
    project = f"made-up/api:{secrets.token_hex(4)}"
    built.tag(*users.split(":"))
    built.tag(*project.split(":"))
    settings = Settings(root=tmp_path, images={"api": ProjectImage(tag=project, context=tmp_path)})
    try:
        found = {one.name.partition(" ")[0]: one for one in of_images(client, settings)}
        assert {ours, project} <= found.keys()
        assert users not in found
        assert stack.images["minio"].reference in found or not stack.images["minio"].origin.startswith("built")
        found[ours].remove()
        found[project].remove()
        assert client.images.get(users).tags == [users]
    finally:
        client.images.remove(users, force=True)


def test_the_command_tells_and_then_does(
    tmp_path: Path, pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    (cache / "logs").mkdir(parents=True)
    (cache / "logs" / "traceback.log").write_text("x")
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(cache))
    (tmp_path / "own").mkdir()
    folder = keep_one(tmp_path / "own")

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

    def of_this_test(lines: list[str]) -> list[str]:  # another one, killed, may have left the folder of a stack
        return [re.sub(r", \d+ stack folders?", "", line) for line in lines if "remove stack folder" not in line]

    assert of_this_test(clean("--dry-run", "--cache")) == [
        f"would remove kept stack 1 embedded stack of {tmp_path / 'own'}",
        f"would remove cache file {cache / 'logs' / 'traceback.log'}",
    ]
    assert lives(folder)
    assert of_this_test(clean("--cache")) == ["removed 1 kept stack, 1 cache file"]
    assert not lives(folder)
    assert not list((cache / "logs").iterdir())
    assert clean() == ["nothing was left"]
    assert private_folder(tmp_path / "own").exists()
