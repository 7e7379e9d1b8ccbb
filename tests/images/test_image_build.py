"""Builds in a real engine: failures, a full disk, two processes at once, cleanup."""

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
from harness.images.build import run_probe
from harness.images.resolve import resolve_image
from harness.settings import ProjectImage, Settings
from tests.images.support import Run

pytestmark = pytest.mark.engine

DOCKERFILE = "ARG PYTHON_IMAGE\nFROM ${PYTHON_IMAGE}\nCOPY packages/ /opt/packages/\nENV PYTHONPATH=/opt/packages\n"


@pytest.fixture
def project(tmp_path: Path, engine: docker.DockerClient, project_settings: Settings) -> Iterator[Settings]:
    """Create a project with one image and an empty cache; remove its images afterwards."""
    name = f"mine{secrets.token_hex(4)}"
    context = tmp_path / "mine"
    context.mkdir()
    (context / "Dockerfile").write_text(DOCKERFILE)
    # Build the parent image first, so that the tests build only `mine`.
    resolve_image(engine, project_settings, "python")
    own = {name: ProjectImage(tag=f"harness-test/{name}", context=context)}
    yield Settings(root=tmp_path, cache_dir=tmp_path / "cache", images=own)
    # images.list() would inspect each image, and another test may remove its images meanwhile.
    for image in engine.api.images():
        for tag in image["RepoTags"] or ():
            if f"/{name}:" in tag:
                with suppress(ImageNotFound, APIError):
                    engine.images.remove(tag, force=True)


def name_of(project: Settings) -> str:
    return next(iter(project.images))


def context(project: Settings) -> Path:
    return project.images[name_of(project)].context


def list_probe_containers(engine: docker.DockerClient, reference: str) -> list[str]:
    """Return the probe containers of this image, not those of parallel tests."""
    ours = {"label": f"{LABEL_ROLE}=probe", "ancestor": reference}
    return [container.name for container in engine.containers.list(all=True, filters=ours)]


def test_build_installs_the_packages_of_the_lock(project: Settings, engine: docker.DockerClient, run: Run) -> None:
    lock = "six==1.17.0 --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274\n"
    (context(project) / "requirements.txt").write_text(lock)
    image = resolve_image(engine, project, name_of(project))
    named = project.images[name_of(project)].tag
    assert engine.images.get(named).id == engine.images.get(image.reference).id
    container = run(image.reference, ["python3", "-c", "import six; print(six.__file__)"])
    assert container.wait(timeout=20)["StatusCode"] == 0
    assert container.logs() == b"/opt/packages/six.py\n"
    assert list_probe_containers(engine, image.reference) == []


def test_file_modes_do_not_depend_on_this_machine(project: Settings, engine: docker.DockerClient) -> None:
    for name, content in (("script", "#!/bin/sh\n"), ("text", "text\n")):
        (context(project) / name).write_text(content)
        (context(project) / name).chmod(0o600)
    (context(project) / "Dockerfile").write_text(DOCKERFILE + "COPY script text /\n")
    image = resolve_image(engine, project, name_of(project))
    command = ("stat", "-c", "%U %a", "/script", "/text")
    assert run_probe(engine, image.reference, command, "mine").splitlines() == ["root 755", "root 644"]


def test_extra_files_are_copied_beside_the_dockerfile(project: Settings, engine: docker.DockerClient) -> None:
    (project.root / "shared.py").write_text("shared")
    (project.root / "package" / "deep").mkdir(parents=True)
    (project.root / "package" / "deep" / "module.py").write_text("module")
    (context(project) / "Dockerfile").write_text(DOCKERFILE + "COPY shared.py /\nCOPY package/ /package/\n")
    more = project.images[name_of(project)].model_copy(update={"files": (Path("shared.py"), Path("package"))})
    image = resolve_image(engine, project.model_copy(update={"images": {name_of(project): more}}), name_of(project))
    assert (
        run_probe(engine, image.reference, ("cat", "/shared.py", "/package/deep/module.py"), "mine") == "sharedmodule"
    )


def test_a_wrong_hash_fails_the_build(project: Settings, engine: docker.DockerClient) -> None:
    (context(project) / "requirements.txt").write_text(f"six==1.17.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(ImageError, match="pip failed"):
        resolve_image(engine, project, name_of(project))


def test_a_broken_dockerfile_gives_a_one_line_error_with_the_log(
    project: Settings, engine: docker.DockerClient
) -> None:
    (context(project) / "Dockerfile").write_text(DOCKERFILE + "RUN echo the reason && exit 7\n")
    with pytest.raises(ImageError) as failed:
        resolve_image(engine, project, name_of(project))
    line = str(failed.value)
    assert "\n" not in line
    assert "a build step failed with exit code 7: the reason (log: " in line
    log = project.cache_dir / "logs" / f"image-{name_of(project)}.log"
    assert str(log) in line
    assert "the reason" in log.read_text()


def test_a_missing_dockerfile_is_an_error(project: Settings, engine: docker.DockerClient) -> None:
    (context(project) / "Dockerfile").unlink()
    with pytest.raises(ImageError, match="there is no Dockerfile in"):
        resolve_image(engine, project, name_of(project))


def test_a_changed_recipe_is_built_and_tagged_for_the_project(project: Settings, engine: docker.DockerClient) -> None:
    first = resolve_image(engine, project, name_of(project))
    (context(project) / "Dockerfile").write_text(DOCKERFILE + "ENV CHANGED=1\n")
    second = resolve_image(engine, project, name_of(project))
    assert second.reference != first.reference
    named = engine.images.get(project.images[name_of(project)].tag).id
    assert named == engine.images.get(second.reference).id != engine.images.get(first.reference).id


def test_a_full_disk_of_the_engine_is_reported(project: Settings, engine: docker.DockerClient) -> None:
    full = "RUN cp /etc/debian_version /dev/full\n"
    (context(project) / "Dockerfile").write_text(DOCKERFILE + full)
    with pytest.raises(ImageError, match=f"disk full while building {name_of(project)}"):
        resolve_image(engine, project, name_of(project))


@pytest.fixture
def small_disk(project: Settings) -> Iterator[Path]:
    """Mount a disk of 1.5 MB at the project's cache folder."""
    project.cache_dir.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(project.cache_dir)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    yield project.cache_dir
    subprocess.run(["umount", str(project.cache_dir)], check=True)


def test_a_full_disk_of_this_machine_is_reported(
    project: Settings, engine: docker.DockerClient, small_disk: Path
) -> None:
    (context(project) / "large").write_bytes(secrets.token_bytes(4_000_000))
    with pytest.raises(ImageError, match=f"disk full while building {name_of(project)}") as failed:
        resolve_image(engine, project, name_of(project))
    assert "\n" not in str(failed.value)
    remaining = [file.name for file in (small_disk / "work").iterdir()]
    assert remaining == [f"{name_of(project)}.lock"]


class CutConnection:
    """A proxy to the engine that closes when a build step starts."""

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


def test_a_lost_engine_is_reported(project: Settings) -> None:
    (context(project) / "Dockerfile").write_text(DOCKERFILE + "RUN sleep 20\n")
    proxy = CutConnection()
    with pytest.raises(EngineError, match=f"stopped answering while building {name_of(project)}") as failed:
        resolve_image(docker.DockerClient(base_url=proxy.url, timeout=20), project, name_of(project), proxy)
    assert "\n" not in str(failed.value)
    assert [file.name for file in (project.cache_dir / "work").iterdir()] == [f"{name_of(project)}.lock"]


@pytest.mark.at_length
def test_two_processes_build_an_image_once(project: Settings, engine: docker.DockerClient) -> None:
    (context(project) / "Dockerfile").write_text(DOCKERFILE + "RUN sleep 3\n")
    script = (
        "import sys; from pathlib import Path; from harness.engine import connect\n"
        "from harness.images.resolve import resolve_image; from harness.progress import Plain\n"
        "from harness.settings import Settings\n"
        f"settings = Settings.model_validate_json({project.model_dump_json()!r})\n"
        f"resolve_image(connect(), settings, {name_of(project)!r}, Plain(sys.stderr))\n"
    )
    command = [sys.executable, "-c", script]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=120)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0], outputs
    assert sum("RUN sleep 3" in text for text in outputs) == 1, outputs
    assert sum("another process builds it" in text for text in outputs) == 1, outputs
