"""Building for real in the engine: failures, a full disk, two processes at once, nothing left."""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import docker
import pytest
from docker.errors import APIError, ImageNotFound

from harness.engine import LABEL_ROLE
from harness.errors import EngineError, ImageError
from harness.images.build import ask
from harness.images.obtain import obtain
from harness.settings import ProjectImage, Settings
from tests.images.support import Run

pytestmark = pytest.mark.engine

DOCKERFILE = "ARG PYTHON_IMAGE\nFROM ${PYTHON_IMAGE}\nCOPY packages/ /opt/packages/\nENV PYTHONPATH=/opt/packages\n"


@pytest.fixture
def project(tmp_path: Path, engine: docker.DockerClient, own_settings: Settings) -> Iterator[Settings]:
    """A made-up project with one image, `mine`; its cache is its own. What it built is removed."""
    name = f"mine{secrets.token_hex(4)}"
    context = tmp_path / "mine"
    context.mkdir()
    (context / "Dockerfile").write_text(DOCKERFILE)
    # The python image has been built by now; only `mine` is to be made here.
    obtain(engine, own_settings, "python")
    own = {name: ProjectImage(tag=f"harness-test/{name}", context=context)}
    yield Settings(root=tmp_path, cache_dir=tmp_path / "cache", images=own)
    # One call: images.list() inspects each one, and another test may remove its own meanwhile.
    for image in engine.api.images():
        for tag in image["RepoTags"] or ():
            if f"/{name}:" in tag:
                with suppress(ImageNotFound, APIError):
                    engine.images.remove(tag, force=True)


def name_of(project: Settings) -> str:
    return next(iter(project.images))


def context(project: Settings) -> Path:
    return project.images[name_of(project)].context


def leftovers(engine: docker.DockerClient, reference: str) -> list[str]:
    """Containers in which this image was asked for its version. Other tests ask theirs at the same time."""
    ours = {"label": f"{LABEL_ROLE}=probe", "ancestor": reference}
    return [container.name for container in engine.containers.list(all=True, filters=ours)]


def test_packages_of_the_lock_are_there(project: Settings, engine: docker.DockerClient, run: Run) -> None:
    lock = "six==1.17.0 --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274\n"
    (context(project) / "requirements.txt").write_text(lock)
    image = obtain(engine, project, name_of(project))
    named = project.images[name_of(project)].tag
    assert engine.images.get(named).id == engine.images.get(image.reference).id
    container = run(image.reference, ["python3", "-c", "import six; print(six.__file__)"])
    assert container.wait(timeout=20)["StatusCode"] == 0
    assert container.logs() == b"/opt/packages/six.py\n"
    assert leftovers(engine, image.reference) == []


def test_modes_do_not_depend_on_this_machine(project: Settings, engine: docker.DockerClient) -> None:
    for name, content in (("script", "#!/bin/sh\n"), ("text", "text\n")):
        (context(project) / name).write_text(content)
        (context(project) / name).chmod(0o600)
    (context(project) / "Dockerfile").write_text(DOCKERFILE + "COPY script text /\n")
    image = obtain(engine, project, name_of(project))
    command = ("stat", "-c", "%U %a", "/script", "/text")
    assert ask(engine, image.reference, command, "mine").splitlines() == ["root 755", "root 644"]


def test_files_from_elsewhere_lie_beside_the_dockerfile(project: Settings, engine: docker.DockerClient) -> None:
    (project.root / "shared.py").write_text("shared")
    (project.root / "package" / "deep").mkdir(parents=True)
    (project.root / "package" / "deep" / "one.py").write_text("one")
    (context(project) / "Dockerfile").write_text(DOCKERFILE + "COPY shared.py /\nCOPY package/ /package/\n")
    more = project.images[name_of(project)].model_copy(update={"files": (Path("shared.py"), Path("package"))})
    image = obtain(engine, project.model_copy(update={"images": {name_of(project): more}}), name_of(project))
    assert ask(engine, image.reference, ("cat", "/shared.py", "/package/deep/one.py"), "mine") == "sharedone"


def test_a_wrong_hash_is_refused(project: Settings, engine: docker.DockerClient) -> None:
    (context(project) / "requirements.txt").write_text(f"six==1.17.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(ImageError, match="pip failed"):
        obtain(engine, project, name_of(project))


def test_a_broken_dockerfile_is_one_line_and_its_log_is_named(project: Settings, engine: docker.DockerClient) -> None:
    (context(project) / "Dockerfile").write_text(DOCKERFILE + "RUN echo the cause && exit 7\n")
    with pytest.raises(ImageError) as failed:
        obtain(engine, project, name_of(project))
    line = str(failed.value)
    assert "\n" not in line
    assert "a build step failed with exit code 7: the cause (log: " in line
    log = project.cache_dir / "logs" / f"image-{name_of(project)}.log"
    assert str(log) in line
    assert "the cause" in log.read_text()


def test_no_dockerfile(project: Settings, engine: docker.DockerClient) -> None:
    (context(project) / "Dockerfile").unlink()
    with pytest.raises(ImageError, match="there is no Dockerfile in"):
        obtain(engine, project, name_of(project))


def test_a_change_is_built_and_the_projects_name_moves(project: Settings, engine: docker.DockerClient) -> None:
    first = obtain(engine, project, name_of(project))
    (context(project) / "Dockerfile").write_text(DOCKERFILE + "ENV CHANGED=1\n")
    second = obtain(engine, project, name_of(project))
    assert second.reference != first.reference
    named = engine.images.get(project.images[name_of(project)].tag).id
    assert named == engine.images.get(second.reference).id != engine.images.get(first.reference).id


def test_a_disk_that_is_full_on_the_engines_side(project: Settings, engine: docker.DockerClient) -> None:
    full = "RUN cp /etc/debian_version /dev/full\n"
    (context(project) / "Dockerfile").write_text(DOCKERFILE + full)
    with pytest.raises(ImageError, match=f"disk full while building {name_of(project)}"):
        obtain(engine, project, name_of(project))


@pytest.fixture
def small_disk(project: Settings) -> Iterator[Path]:
    """The project's cache folder on a disk of its own, of 1.5 MB."""
    project.cache_dir.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(project.cache_dir)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    yield project.cache_dir
    subprocess.run(["umount", str(project.cache_dir)], check=True)


def test_a_disk_that_is_full_here(project: Settings, engine: docker.DockerClient, small_disk: Path) -> None:
    (context(project) / "large").write_bytes(secrets.token_bytes(4_000_000))
    with pytest.raises(ImageError, match=f"disk full while building {name_of(project)}") as failed:
        obtain(engine, project, name_of(project))
    assert "\n" not in str(failed.value)
    left = [file.name for file in (small_disk / "work").iterdir()]
    assert left == [f"{name_of(project)}.lock"]


class Cut:
    """A way to the engine that is cut off once a build step runs."""

    def __init__(self) -> None:
        self.engine = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self.engine.getsockname()[1]}"
        self.open = [self.engine]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.engine.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect("/var/run/docker.sock")
                self.open += [client, server]
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def step(self, image: str, text: str) -> None:
        if "RUN sleep" in text:
            self.close()

    def close(self) -> None:
        for end in self.open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def test_an_engine_that_goes_away_midway(project: Settings) -> None:
    (context(project) / "Dockerfile").write_text(DOCKERFILE + "RUN sleep 20\n")
    way = Cut()
    with pytest.raises(EngineError, match=f"stopped answering while building {name_of(project)}") as failed:
        obtain(docker.DockerClient(base_url=way.url, timeout=20), project, name_of(project), way)
    assert "\n" not in str(failed.value)
    assert [file.name for file in (project.cache_dir / "work").iterdir()] == [f"{name_of(project)}.lock"]


def test_two_processes_build_it_once(project: Settings, engine: docker.DockerClient) -> None:
    (context(project) / "Dockerfile").write_text(DOCKERFILE + "RUN sleep 3\n")
    script = (
        "import sys; from pathlib import Path; from harness.engine import connect\n"
        "from harness.images.obtain import obtain; from harness.progress import Plain\n"
        "from harness.settings import Settings\n"
        f"settings = Settings.model_validate_json({project.model_dump_json()!r})\n"
        f"obtain(connect(), settings, {name_of(project)!r}, Plain(sys.stderr))\n"
    )
    command = [sys.executable, "-c", script]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    assert sum("RUN sleep 3" in text for text in said) == 1, said
    assert sum("another process builds it" in text for text in said) == 1, said
