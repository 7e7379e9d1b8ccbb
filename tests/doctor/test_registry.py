"""Queries to a fake registry on the loopback interface."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from harness.doctor.registry import TagStatus, find_newer_tag, query_registry

TAGS = {
    "open": ["17.5", "17.6", "17.10", "latest", "17.11-alpine"],
    "guarded": ["1.0"],
    "private": ["1.0"],
}
TOKEN = "anonymous"


class FakeRegistry(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        url, _, query = self.path.partition("?")
        if url == "/token":
            assert "scope=repository%3Aguarded%3Apull" in query
            return self._send(200, {"token": TOKEN})
        _, _, name, what, *rest = url.split("/")
        if name == "guarded" and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            realm = f'Bearer realm="{self._base()}/token",service="s",scope="repository:guarded:pull"'
            return self._send(401, {}, {"WWW-Authenticate": realm})
        if name == "private":
            return self._send(401, {}, {"WWW-Authenticate": 'Basic realm="x"'})
        if what == "tags" and "page=2" in query:
            return self._send(200, {"tags": TAGS[name][2:]})
        if what == "tags":
            return self._send(200, {"tags": TAGS[name][:2]}, {"Link": f'</v2/{name}/tags/list?page=2>; rel="next"'})
        return self._send(200 if rest[0] in TAGS.get(name, []) else 404, {})

    def _base(self) -> str:
        return f"http://{self.headers['Host']}"

    def _send(self, code: int, answer: object, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(answer).encode()
        self.send_response(code)
        for key, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def registry() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), FakeRegistry) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"localhost:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("reference", "status"),
    [
        ("open:17.6", TagStatus("present", newer="17.10")),  # The newer tag is on the second page.
        ("open:17.10", TagStatus("present")),
        ("open:16.1", TagStatus("missing")),
        ("open:latest", TagStatus("present")),
        ("none:1", TagStatus("missing")),
        ("guarded:1.0", TagStatus("present")),
        ("private:1.0", TagStatus("token")),
    ],
)
def test_status_of_a_reference(registry: str, reference: str, status: TagStatus) -> None:
    assert query_registry(f"{registry}/{reference}") == status


def test_a_registry_that_does_not_answer() -> None:
    assert query_registry("localhost:9/open:1") is None


@pytest.mark.parametrize(
    ("tag", "tags", "newer"),
    [
        ("RELEASE.2025-09-07T16-13-09Z", ["RELEASE.2025-10-15T17-29-55Z", "latest"], "RELEASE.2025-10-15T17-29-55Z"),
        ("3.12-slim-bookworm", ["3.13-slim-bookworm", "3.14-slim", "3.14-slim-trixie"], "3.13-slim-bookworm"),
        ("3.3.2-python3.12", ["3.3.3-python3.13", "3.3.3-python3.12", "3.3.4"], "3.3.3-python3.12"),
        ("1.9", ["1.10", "1.9", "1.10.1"], "1.10"),
        ("1.10", ["1.9"], ""),
        ("bookworm-slim", ["trixie-slim", "bookworm-slim"], ""),
    ],
)
def test_a_newer_tag_has_the_same_format(tag: str, tags: list[str], newer: str) -> None:
    assert find_newer_tag(tag, tags) == newer
