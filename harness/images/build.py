"""Building an image in the engine from a folder, with the classic builder: it is in every engine, buildx is not."""

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
from harness.images.recipe_hash import context_files, file_mode
from harness.images.tools import Log
from harness.progress import SILENT, Progress

SILENCE = 900
"""Seconds a build step may print nothing."""


def build(
    client: docker.DockerClient,
    context: Path,
    *,
    dockerfile: str,
    args: Mapping[str, str],
    scratch: Path,
    log: Log,
    progress: Progress,
) -> str:
    """Builds `context` and returns the new image's id. Raises ImageError with the engine's own words, EngineError."""
    with tempfile.TemporaryFile(dir=scratch) as tar:
        _pack(context, tar)
        tar.seek(0)
        return _result(client, _stream(client, tar, dockerfile, args), log, progress)


def label_and_tag(client: docker.DockerClient, image_id: str, tag: str, labels: Mapping[str, str], log: Log) -> None:
    """Gives an image its labels and name, by a build of one line (an engine has no other way to label)."""
    with engine_errors(f"naming {log.name}"):
        repository, _, release = tag.rpartition(":")
        lines = client.api.build(
            fileobj=io.BytesIO(f"FROM {image_id}\n".encode()),
            labels=dict(labels),
            decode=True,
            rm=True,
            forcerm=True,
            timeout=SILENCE,
        )
        labelled = _result(client, lines, log, SILENT)
        client.api.tag(labelled, repository, release, force=True)


def ask(client: docker.DockerClient, image: str, command: tuple[str, ...], name: str) -> str:
    """What `command` prints in a container of `image`, which is gone afterwards. Without network."""
    with engine_errors(f"asking {name} for its version"):
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


def _stream(
    client: docker.DockerClient, tar: IO[bytes], dockerfile: str, args: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    stream: Iterator[dict[str, Any]] = client.api.build(
        fileobj=tar,
        custom_context=True,
        dockerfile=dockerfile,
        buildargs=dict(args),
        # Steps that install packages reach the mirrors as this machine does, name lookup and proxies included.
        network_mode="host",
        decode=True,
        rm=True,
        forcerm=True,
        timeout=SILENCE,
    )
    return stream


def _result(client: docker.DockerClient, lines: Iterator[dict[str, Any]], log: Log, progress: Progress) -> str:
    image_id = None
    with engine_errors(f"building {log.name}"):
        try:
            for line in lines:
                text = str(line.get("stream") or line.get("error") or "")
                log.write(text)
                if line.get("error"):
                    code = re.search(r"returned a non-zero code: (\d+)", text)
                    what = f"a build step failed with exit code {code[1]}" if code else "the engine's build failed"
                    raise log.failure(what)
                if re.match(r"Step \d+/\d+ : (RUN|COPY|ADD) ", text):
                    progress.step(log.name, re.sub(r"\s+", " ", text)[:100].strip())
                image_id = (line.get("aux") or {}).get("ID", image_id)
        except urllib3.exceptions.HTTPError as error:
            raise ConnectionError(str(error)) from error
        except APIError as error:
            log.write(f"{error}\n")
            raise log.failure("the engine refused the build") from error
        if image_id is None:
            # An engine that dies just stops talking; ping tells which it was.
            client.ping()
            raise log.failure("the engine ended the build without an image")
    return str(image_id)


def _pack(context: Path, out: IO[bytes]) -> None:
    """A tar whose owners, times and modes say nothing of this machine."""
    with tarfile.open(fileobj=out, mode="w") as tar:
        for relative, file in context_files(context):
            info = tar.gettarinfo(file, arcname=relative)
            info.uid = info.gid = info.mtime = 0
            info.uname = info.gname = ""
            if not info.isreg():
                tar.addfile(info)
                continue
            info.mode = file_mode(file)
            with file.open("rb") as content:
                tar.addfile(info, content)


def discard(client: docker.DockerClient, image_id: str) -> None:
    """Removes an image that turned out unusable, if it is still there."""
    with suppress(APIError), engine_errors("removing an unusable image"):
        client.api.remove_image(image_id, force=True)
