"""Run commands in a separate mount namespace."""

from __future__ import annotations

import os
import subprocess

import pytest


def with_mounts(mounts: str) -> tuple[str, ...]:
    """Return the words before a command that make only that command see the shell's `mounts`.

    Skips the test if this user can't mount.
    """
    before = ("unshare", "--mount", "sh", "-c", f'{mounts} && exec "$@"', "sh")
    if os.geteuid() != 0 or subprocess.run([*before, "true"], check=False).returncode:
        pytest.skip("only root can mount, and not in every container")
    return before
