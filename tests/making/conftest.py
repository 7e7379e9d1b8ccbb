"""A package index on this machine, with tiny packages under the names of real ones."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import sys
import threading
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness.airflow.making.locks import Lock

NOWHERE = "http://127.0.0.1:9"


def wheel(
    name: str, version: str, requires: Sequence[str] = (), python: str = "", extras: Sequence[str] = ()
) -> tuple[str, bytes]:
    """Return the file name and the content of a wheel with one empty module."""
    stem = f"{name.replace('-', '_')}-{version}"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    metadata += [f"Provides-Extra: {extra}" for extra in extras]
    metadata += [f"Requires-Dist: {line}" for line in requires] + ([f"Requires-Python: {python}"] if python else [])
    files = {
        f"{name.replace('-', '_')}.py": "",
        f"{stem}.dist-info/METADATA": "\n".join(metadata) + "\n",
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{file},{_digest(text)},{len(text)}\n" for file, text in files.items())
    files[f"{stem}.dist-info/RECORD"] = f"{record}{stem}.dist-info/RECORD,,\n"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    return f"{stem}-py3-none-any.whl", content.getvalue()


def _digest(text: str) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


class Index:
    """The packages by name, and other pages by path; `asked` are the paths of all requests."""

    def __init__(self) -> None:
        self.packages: dict[str, list[dict[str, object]]] = {}
        self.pages: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.url = ""

    def add(
        self,
        name: str,
        version: str,
        uploaded: str,
        requires: Sequence[str] = (),
        python: str = "",
        extras: Sequence[str] = (),
    ) -> None:
        file, content = wheel(name, version, requires, python, extras)
        self.pages[f"/files/{file}"] = content
        stem = "-".join(file.split("-")[:2])
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            self.pages[f"/files/{file}.metadata"] = archive.read(f"{stem}.dist-info/METADATA")
        entry: dict[str, object] = {"filename": file, "url": f"/files/{file}", "hashes": {}, "upload-time": uploaded}
        entry |= {"requires-python": python or None, "core-metadata": True}
        self.packages.setdefault(name, []).append(entry)

    def answer(self, path: str) -> tuple[bytes, str] | None:
        self.asked.append(path)
        if path in self.pages:
            return self.pages[path], "application/octet-stream"
        if (name := path.removeprefix("/simple/").strip("/")) in self.packages:
            page = {"meta": {"api-version": "1.1"}, "name": name, "files": self.packages[name]}
            return json.dumps(page).encode(), "application/vnd.pypi.simple.v1+json"
        return None


@contextmanager
def serve_index() -> Iterator[Index]:
    """Serve an empty index, whose `url` is set."""
    served = Index()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = served.answer(self.path)
            self.send_response(200 if answer else 404)
            content, kind = answer or (b"", "text/plain")
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        served.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield served
        server.shutdown()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """An index that pip and uv use in this test, instead of the machine's."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_")) or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    with serve_index() as served:
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"{served.url}/simple")
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
        monkeypatch.setenv("UV_HTTP_RETRIES", "0")
        monkeypatch.setattr("harness.airflow.making.resolve.CONSTRAINTS", f"{NOWHERE}/{{airflow}}-{{python}}.txt")
        yield served


@pytest.fixture
def airflows(index: Index) -> Index:
    """Two releases of Airflow and the packages around them."""
    index.add("apache-airflow", "2.11.2", "2026-03-14T18:00:00Z", ["fastapi>=1"], python=">=3.10")
    index.add("apache-airflow", "3.3.2", "2026-09-17T08:00:00Z", ["fastapi>=1"], python=">=3.10")
    index.add("apache-airflow", "3.3.3rc1", "2026-11-01T08:00:00Z", ["fastapi>=1"])
    index.add("fastapi", "1.0", "2026-01-01T00:00:00Z")
    index.add("fastapi", "1.1", "2026-09-18T00:00:00Z")
    index.add("fastapi", "1.2", "2026-09-19T00:00:00Z")
    index.add("apache-airflow-providers-amazon", "9.36.0", "2026-03-01T00:00:00Z", ["apache-airflow", "boto3>=1"])
    index.add("apache-airflow-providers-amazon", "9.37.0", "2026-10-01T00:00:00Z", ["apache-airflow", "boto3>=2"])
    index.add("boto3", "1.0", "2026-01-01T00:00:00Z")
    index.add("boto3", "2.0", "2026-10-01T00:00:00Z")
    index.add("pandas", "2.0", "2025-01-01T00:00:00Z")
    index.add("pandas", "3.0", "2026-09-01T00:00:00Z")
    return index


BEFORE = Lock(
    python=sys.executable,
    python_version=".".join(map(str, sys.version_info[:3])),
    requirements=(
        "apache-airflow==2.11.2",
        "apache-airflow-providers-amazon==9.36.0",
        "boto3==1.0",
        "fastapi==1.0",
        "pandas==2.0",
    ),
    top_level=("apache-airflow-providers-amazon", "pandas"),
    source="the packages of the project",
)
