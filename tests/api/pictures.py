"""Pictures of digits, and a fake of SageMaker's runtime that records its requests."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image

PREDICTION = {"predictions": [{"closest_cluster": 3.0, "distance_to_cluster": 6.5}]}


def create_picture(size: tuple[int, int] = (28, 28), mode: str = "L", encoding: str = "JPEG") -> bytes:
    """Create a picture with a light bar on dark ground and a dim corner."""
    dots = np.zeros((size[1], size[0]), dtype=np.uint8)
    dots[:, size[0] // 2 :] = 255
    dots[: size[1] // 4, : size[0] // 4] = 102
    file = io.BytesIO()
    Image.fromarray(dots).convert(mode).save(file, encoding, **({"quality": 100} if encoding == "JPEG" else {}))
    return file.getvalue()


class Runtime(ThreadingHTTPServer):
    """Responds with `status` and `body`.

    `requests` has (path, content type, body) of each request.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.body = 200, json.dumps(PREDICTION)
        self.error = ""
        self.requests: list[tuple[str, str, bytes]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Runtime)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server.requests.append((self.path, self.headers["Content-Type"], body))
        self.send_response(server.status)
        self.send_header("Content-Type", "application/json")
        if server.error:
            self.send_header("x-amzn-ErrorType", server.error)
        self.send_header("Content-Length", str(len(server.body)))
        self.end_headers()
        self.wfile.write(server.body.encode())

    def log_message(self, *_: object) -> None: ...


@contextmanager
def runtime() -> Iterator[Runtime]:
    with Runtime() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
