"""Commands that see mounts of their own."""

from __future__ import annotations

import os
import subprocess

import pytest


def with_mounts(mounts: str) -> tuple[str, ...]:
    """What to put before a command that is to see `mounts`, a shell's, which nobody else does.

    Skips the test where this user can't mount.
    """
    before = ("unshare", "--mount", "sh", "-c", f'{mounts} && exec "$@"', "sh")
    if os.geteuid() != 0 or subprocess.run([*before, "true"], check=False).returncode:
        pytest.skip("only root can mount, and not in every container")
    return before
