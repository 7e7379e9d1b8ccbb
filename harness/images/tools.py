"""Running tools of this machine for a recipe: logged, stopped with us, and honest about a full disk."""

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

# What the engine's builder says after the line that tells what went wrong.
NO_REASON = ("The command ", "Removing intermediate container", " ---> ")
NOTHING_LEFT = 1 << 20
"""Bytes free below which a failure is put down to the disk."""
FULL = "no space left on device"


class DiskFullError(ImageError):
    """The disk of this machine, or the engine's, filled up."""


def disk_full(name: str, detail: str = "") -> DiskFullError:
    """The error for a disk that filled up while image `name` was made."""
    return DiskFullError(
        f"disk full while building {name}: free space with `docker system prune` or in the cache folder, "
        f"then run again{detail}"
    )


@contextmanager
def full_disk_named(name: str) -> Iterator[None]:
    """Turns ENOSPC, and the engine's words for it, into the one-line error. Everything else passes."""
    try:
        yield
    except ImageError:
        raise
    except Exception as error:
        if getattr(error, "errno", None) == errno.ENOSPC or FULL in str(error).lower():
            raise disk_full(name) from error
        raise


class Log:
    """The file that gets what the tools print, and the name of the image it is about.

    `scratch` is where the tools put their temporary files: with the image's other ones, to be removed with them.
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

    def failure(self, what: str) -> ImageError:
        """The error for `what` failing: its last line, the log's name; or the full disk if that was it."""
        text = self.file.read_text(errors="replace")
        # On a full disk the tool's own complaint may not have reached the log.
        if FULL in text.lower() or shutil.disk_usage(self.scratch).free < NOTHING_LEFT:
            return disk_full(self.name, f" (log: {self.file})")
        lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith(NO_REASON)]
        last = lines[-1][:200] if lines else "it printed nothing"
        return ImageError(f"image {self.name} can't be built: {what}: {last} (log: {self.file})")

    def run(
        self,
        command: Sequence[str | os.PathLike[str]],
        *,
        env: Mapping[str, str] | None = None,
        timeout: float = 1800,
        doing: str | None = None,
    ) -> None:
        """Runs `command` with its output in the log. Its whole process group ends with us.

        `timeout` is in seconds. Raises ImageError naming `doing` (default: the program).
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
            # Also when it ended well or we were interrupted: nothing of its group may outlive us.
            _end_group(process)
        if code != 0:
            raise self.failure(f"{program} failed with exit code {code}")


def _end_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
