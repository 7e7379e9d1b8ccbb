"""An image whose `python` is a program for another architecture."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping

from harness.engine import connect

REFERENCE = "airflow-harness-tests/other-architecture:1"


def load_image() -> str:
    """Load the image of a few bytes into the engine and return its reference."""
    layer = _tar({"usr/bin/python": b"\x7fELF" + bytes(60)})
    config = {
        "architecture": "s390x",
        "os": "linux",
        "config": {"Env": ["PATH=/usr/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [REFERENCE], "Layers": ["layer.tar"]}]
    files = {"config.json": json.dumps(config).encode(), "manifest.json": json.dumps(manifest).encode()}
    connect().images.load(_tar({**files, "layer.tar": layer}))
    return REFERENCE


def _tar(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o755
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()
