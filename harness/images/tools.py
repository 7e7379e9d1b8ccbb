"""Run this machine's tools for a recipe, log their output and recognise a full disk."""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.errors import ImageError

# The engine's builder prints lines like these after the line that states the reason.
BUILDER_NOISE = ("The command ", "Removing intermediate container", " ---> ")
MIN_FREE_BYTES = 1 << 20
"""With less free space, a failure is blamed on the disk."""
DISK_FULL_TEXT = "no space left on device"


class DiskFullError(ImageError):
    """The disk of this machine or of the engine is full."""


def disk_full(name: str, detail: str = "") -> DiskFullError:
    """Create the error for a disk that filled up during the build of image `name`."""
    return DiskFullError(
        f"disk full while building {name}: free space with `docker system prune` or in the cache folder, "
        f"then run again{detail}"
    )


@contextmanager
def translate_disk_full(name: str) -> Iterator[None]:
    """Turn ENOSPC, and the engine's text for it, into DiskFullError."""
    try:
        yield
    except ImageError:
        raise
    except Exception as error:
        if getattr(error, "errno", None) == errno.ENOSPC or DISK_FULL_TEXT in str(error).lower():
            raise disk_full(name) from error
        raise


class BuildLog:
    """The log file of one image's build, and a runner for tools that write to it.

    `scratch` is the folder for the tools' temporary files. It is deleted together with the rest of the build.
    """

    def __init__(self, folder: Path, name: str, scratch: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.scratch = scratch
        self.file = folder / f"image-{name}.log"
        self.file.write_text("")

    def write(self, text: str) -> None:
        with self.file.open("a", errors="replace") as out:
            out.write(text)

    def failure(self, reason: str) -> ImageError:
        """Create the error for `reason`: it quotes the log's last line and names the log.

        If the disk is full, the error is a DiskFullError.
        """
        text = self.file.read_text(errors="replace")
        # On a full disk the tool may have been unable to write its error to the log.
        if DISK_FULL_TEXT in text.lower() or shutil.disk_usage(self.scratch).free < MIN_FREE_BYTES:
            return disk_full(self.name, f" (log: {self.file})")
        lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith(BUILDER_NOISE)]
        last = lines[-1][:200] if lines else "it printed nothing"
        return ImageError(f"image {self.name} can't be built: {reason}: {last} (log: {self.file})")

    def run(
        self,
        command: Sequence[str | os.PathLike[str]],
        *,
        env: Mapping[str, str] | None = None,
        timeout: float = 1800,
        doing: str | None = None,
    ) -> None:
        """Run `command` with its output in the log. Its process group ends with this call.

        `timeout` is in seconds. Raises ImageError, which names `doing` (default: the program).
        """
        program = doing or Path(command[0]).name
        self.write(f"$ {shlex.join(str(part) for part in command)}\n")
        try:
            with self.file.open("ab") as out:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, "TMPDIR": os.fspath(self.scratch), **(env or {})},
                    start_new_session=True,
                )
        except FileNotFoundError as error:
            raise ImageError(f"image {self.name} can't be built: {program} is not installed on this machine") from error
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise ImageError(
                f"image {self.name} can't be built: {program} took longer than {timeout:.0f} s (log: {self.file})"
            ) from error
        finally:
            # After success and after an interrupt too: a child of the tool may still be running.
            _kill_group(process)
        if code != 0:
            raise self.failure(f"{program} failed with exit code {code}")


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
