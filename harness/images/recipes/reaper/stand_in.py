"""A stand-in for Ryuk: removes what matches the filters it was told, once nobody is connected any more.

Contract (that of testcontainers' Ryuk): TCP port RYUK_PORT (8080). A client sends lines of engine filters in URL form,
`label=a%3Db&label=c%3Dd`, one set a line, and reads `ACK` for each. When the last client has been gone for
RYUK_RECONNECTION_TIMEOUT, or nobody came within RYUK_CONNECTION_TIMEOUT, every container, network, volume and image
that matches all filters of any one set is removed, and the program ends. SIGTERM skips the waiting. It needs Python's
standard library only.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import signal
import socket
import time
from urllib.parse import parse_qs, quote, urlencode

SOCKET = "/var/run/docker.sock"
UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
TRIES = 10

Filters = dict[str, list[str]]


def seconds(duration: str) -> float:
    """A Go duration such as `10s`, `1m30s` or `500ms`, in seconds. Raises ValueError."""
    if not re.fullmatch(r"(\d+(\.\d+)?(h|ms|m|us|µs|ns|s))+", duration):
        raise ValueError(f"not a duration: {duration!r} (write 10s, 500ms, 1m30s)")
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|m|us|µs|ns|s)", duration)
    return sum(float(number) * UNITS[unit] for number, unit in parts)


def parse(line: str) -> Filters:
    """The filters of one line, by kind. Empty when the line says nothing usable."""
    return parse_qs(line.strip())


class Engine(http.client.HTTPConnection):
    def __init__(self) -> None:
        super().__init__("localhost", timeout=60)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(SOCKET)


def call(method: str, path: str, **query: str) -> tuple[int, object]:
    """Status and decoded answer of one call to the engine."""
    engine = Engine()
    try:
        engine.request(method, f"{path}?{urlencode(query)}" if query else path)
        answer = engine.getresponse()
        body = answer.read()
        return answer.status, json.loads(body) if body.startswith((b"[", b"{")) else None
    finally:
        engine.close()


def matching(filters: Filters) -> list[tuple[str, str, dict[str, str]]]:
    """(what to say, path to delete, query) for everything that matches, containers first: they hold the rest."""
    wanted = json.dumps(filters)
    own = socket.gethostname()
    found: list[tuple[str, str, dict[str, str]]] = []
    for item in listed("/containers/json", all="true", filters=wanted):
        if not str(item["Id"]).startswith(own):
            found.append(("container", f"/containers/{item['Id']}", {"force": "true", "v": "true"}))
    found += [("network", f"/networks/{item['Id']}", {}) for item in listed("/networks", filters=wanted)]
    for item in listed("/volumes", filters=wanted):
        found.append(("volume", f"/volumes/{quote(str(item['Name']), safe='')}", {"force": "true"}))
    for item in listed("/images/json", all="true", filters=wanted):
        found.append(("image", f"/images/{item['Id']}", {"force": "true"}))
    return found


def listed(path: str, **query: str) -> list[dict[str, object]]:
    status, answer = call("GET", path, **query)
    if status != 200:
        raise OSError(f"GET {path}: HTTP {status}: {answer}")
    if isinstance(answer, dict):  # volumes come inside an object
        answer = answer.get("Volumes")
    return answer if isinstance(answer, list) else []


def sweep(sets: list[Filters]) -> None:
    """Removes until nothing is left: a network can go only after its containers, and clients may just be dying."""
    for _ in range(TRIES):
        left = 0
        try:
            for filters in sets:
                for kind, path, query in matching(filters):
                    left += 1
                    status, answer = call("DELETE", path, **query)
                    print(f"removed {kind} {path}: HTTP {status}" + (f" {answer}" if status >= 400 else ""))
        except OSError as error:
            left += 1
            print(f"the engine did not answer: {error}")
        if not left:
            return
        time.sleep(1)
    print(f"gave up after {TRIES} tries")


class Reaper:
    """Who is connected, and what they asked for."""

    def __init__(self) -> None:
        self.sets: list[Filters] = []
        self.connected = 0
        self.came = False
        self.changed = asyncio.Event()
        self.stopping = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected += 1
        self.came = True
        self.changed.set()
        try:
            while line := await reader.readline():
                filters = parse(line.decode(errors="replace"))
                # No filters would match everything on the engine.
                if filters and filters not in self.sets:
                    self.sets.append(filters)
                if filters:
                    writer.write(b"ACK\n")
                    await writer.drain()
        except (ConnectionError, ValueError):
            pass  # gone, or a line beyond all measure: both count as gone
        finally:
            writer.close()
            self.connected -= 1
            self.changed.set()

    def stop(self) -> None:
        self.stopping = True
        self.changed.set()

    async def alone(self, first: float, again: float) -> None:
        """Returns once nobody came for `first` seconds, or the last one has been gone for `again` seconds."""
        while True:
            self.changed.clear()
            if self.connected:
                await self.changed.wait()
                continue
            if self.stopping:
                return
            try:
                await asyncio.wait_for(self.changed.wait(), again if self.came else first)
            except TimeoutError:
                return


async def watch() -> list[Filters]:
    reaper = Reaper()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, reaper.stop)
    loop.add_signal_handler(signal.SIGINT, reaper.stop)
    port = int(os.environ.get("RYUK_PORT", "8080"))
    server = await asyncio.start_server(reaper.serve, "0.0.0.0", port)  # noqa: S104  the container's own network
    print(f"Started! Listening on port {port}")
    async with server:
        await reaper.alone(
            seconds(os.environ.get("RYUK_CONNECTION_TIMEOUT", "60s")),
            seconds(os.environ.get("RYUK_RECONNECTION_TIMEOUT", "10s")),
        )
    return reaper.sets


if __name__ == "__main__":
    sweep(asyncio.run(watch()))
