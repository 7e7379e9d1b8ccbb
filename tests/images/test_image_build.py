"""Building for real in the engine: failures, a full disk, two processes at once, nothing left."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import docker
import pytest
from docker.errors import APIError, ImageNotFound

from harness.engine import LABEL_ROLE
from harness.errors import ImageError
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
    for image in engine.images.list():
        for tag in image.tags:
            if f"/{name}:" in tag:
                with suppress(ImageNotFound, APIError):
                    engine.images.remove(tag, force=True)


def name_of(project: Settings) -> str:
    return next(iter(project.images))


def context(project: Settings) -> Path:
    return project.images[name_of(project)].context


def leftovers(engine: docker.DockerClient) -> list[str]:
    return [container.name for container in engine.containers.list(all=True, filters={"label": f"{LABEL_ROLE}=probe"})]


def test_packages_of_the_lock_are_there(project: Settings, engine: docker.DockerClient, run: Run) -> None:
    lock = "six==1.17.0 --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274\n"
    (context(project) / "requirements.txt").write_text(lock)
    image = obtain(engine, project, name_of(project))
    assert image.reference == f"harness-test/{name_of(project)}"
    container = run(image.reference, ["python3", "-c", "import six; print(six.__file__)"])
    assert container.wait(timeout=20)["StatusCode"] == 0
    assert container.logs() == b"/opt/packages/six.py\n"
    assert leftovers(engine) == []


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
    before = engine.images.get(first.reference).id
    (context(project) / "Dockerfile").write_text(DOCKERFILE + "ENV CHANGED=1\n")
    assert obtain(engine, project, name_of(project)).reference == first.reference
    assert engine.images.get(first.reference).id != before


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


def test_two_processes_build_it_once(project: Settings, engine: docker.DockerClient) -> None:
    (context(project) / "Dockerfile").write_text(DOCKERFILE + "RUN sleep 3\n")
    script = (
        "import sys; from pathlib import Path; from harness.engine import connect\n"
        "from harness.images.obtain import obtain; from harness.images.progress import Plain\n"
        "from harness.settings import Settings\n"
        f"settings = Settings.model_validate_json({project.model_dump_json()!r})\n"
        f"obtain(connect(), settings, {name_of(project)!r}, Plain())\n"
    )
    command = [sys.executable, "-c", script]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    assert sum("RUN sleep 3" in text for text in said) == 1, said
    assert sum("another process builds it" in text for text in said) == 1, said
