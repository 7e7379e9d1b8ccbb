"""Build an image from a folder with the engine's classic builder.

Some engines lack buildx; all have the classic builder.
"""

from __future__ import annotations

import io
import re
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import docker
import urllib3
from docker.errors import APIError

from harness.engine import LABEL_ROLE, engine_errors
from harness.images.recipe_hash import file_mode, list_context_files
from harness.images.tools import BuildLog
from harness.progress import SILENT, Progress

STEP_TIMEOUT = 900
"""Seconds without output after which a build step fails."""


def build(
    client: docker.DockerClient,
    context: Path,
    *,
    dockerfile: str,
    args: Mapping[str, str],
    scratch: Path,
    log: BuildLog,
    progress: Progress,
) -> str:
    """Build the folder `context` and return the new image's id.

    Raises ImageError with the builder's reason, EngineError.
    """
    with tempfile.TemporaryFile(dir=scratch) as tar:
        _pack(context, tar)
        tar.seek(0)
        return _read_result(client, _start_build(client, tar, dockerfile, args), log, progress)


def label_and_tag(
    client: docker.DockerClient, image_id: str, tag: str, labels: Mapping[str, str], log: BuildLog
) -> None:
    """Give an image its labels and its tag.

    The engine can't label an existing image, so this is a build of one line. Raises ImageError, EngineError.
    """
    with engine_errors(f"tagging {log.name}"):
        repository, _, release = tag.rpartition(":")
        lines = client.api.build(
            fileobj=io.BytesIO(f"FROM {image_id}\n".encode()),
            labels=dict(labels),
            decode=True,
            rm=True,
            forcerm=True,
            timeout=STEP_TIMEOUT,
        )
        labelled = _read_result(client, lines, log, SILENT)
        client.api.tag(labelled, repository, release, force=True)


def run_probe(client: docker.DockerClient, image: str, command: tuple[str, ...], name: str) -> str:
    """Return the output of `command` in a temporary container of `image`, without network.

    `name` is the image's name for errors. Raises EngineError.
    """
    with engine_errors(f"reading the version of {name}"):
        container = client.containers.create(
            image,
            entrypoint=[command[0]],
            command=list(command[1:]),
            network_disabled=True,
            auto_remove=True,
            labels={LABEL_ROLE: "probe"},
        )
        try:
            output = container.attach(stream=True, stdout=True, stderr=True)
            container.start()
            return b"".join(output).decode(errors="replace").strip()
        except BaseException as error:
            with suppress(APIError):
                container.remove(force=True, v=True)
            if isinstance(error, urllib3.exceptions.HTTPError):
                raise ConnectionError(str(error)) from error
            raise


def remove_image(client: docker.DockerClient, image_id: str) -> None:
    """Remove an unusable image if it still exists."""
    with suppress(APIError), engine_errors("removing an unusable image"):
        client.api.remove_image(image_id, force=True)


def _start_build(
    client: docker.DockerClient, tar: IO[bytes], dockerfile: str, args: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    stream: Iterator[dict[str, Any]] = client.api.build(
        fileobj=tar,
        custom_context=True,
        dockerfile=dockerfile,
        buildargs=dict(args),
        # Build steps install packages through this machine's name lookup and proxies.
        network_mode="host",
        decode=True,
        rm=True,
        forcerm=True,
        timeout=STEP_TIMEOUT,
    )
    return stream


def _read_result(
    client: docker.DockerClient, lines: Iterator[dict[str, Any]], log: BuildLog, progress: Progress
) -> str:
    image_id = None
    with engine_errors(f"building {log.name}"):
        try:
            for line in lines:
                text = str(line.get("stream") or line.get("error") or "")
                log.write(text)
                if line.get("error"):
                    code = re.search(r"returned a non-zero code: (\d+)", text)
                    reason = f"a build step failed with exit code {code[1]}" if code else "the engine's build failed"
                    raise log.failure(reason)
                if re.match(r"Step \d+/\d+ : (RUN|COPY|ADD) ", text):
                    progress.step(log.name, re.sub(r"\s+", " ", text)[:100].strip())
                image_id = (line.get("aux") or {}).get("ID", image_id)
        except urllib3.exceptions.HTTPError as error:
            raise ConnectionError(str(error)) from error
        except APIError as error:
            log.write(f"{error}\n")
            raise log.failure("the engine refused the build") from error
        if image_id is None:
            # An engine that dies ends the stream without an error. In this case ping() raises.
            client.ping()
            raise log.failure("the engine ended the build without an image")
    return str(image_id)


def _pack(context: Path, out: IO[bytes]) -> None:
    """Write a tar of `context` with owners, times and modes that don't depend on this machine."""
    with tarfile.open(fileobj=out, mode="w") as tar:
        for relative, file in list_context_files(context):
            info = tar.gettarinfo(file, arcname=relative)
            info.uid = info.gid = info.mtime = 0
            info.uname = info.gname = ""
            if not info.isreg():
                tar.addfile(info)
                continue
            info.mode = file_mode(file)
            with file.open("rb") as content:
                tar.addfile(info, content)
