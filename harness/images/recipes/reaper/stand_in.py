"""A stand-in for Ryuk: remove what matches the clients' filters after the clients left.

The protocol is that of testcontainers' Ryuk, on TCP port RYUK_PORT (8080). A client sends lines of engine filters in
URL form, `label=a%3Db&label=c%3Dd`, one set a line, and reads `ACK` for each. When the last client has been gone for
RYUK_RECONNECTION_TIMEOUT, or no client connected within RYUK_CONNECTION_TIMEOUT, the program removes every container,
network, volume and image that matches all filters of a set, and ends. SIGTERM skips the waiting. The program needs
Python's standard library only.
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
BUILT_IN_NETWORKS = ("bridge", "host", "none")
UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
MAX_SWEEPS = 10

Filters = dict[str, list[str]]


def parse_duration(duration: str) -> float:
    """Return a Go duration such as `10s`, `1m30s` or `500ms` in seconds. Raises ValueError."""
    if not re.fullmatch(r"(\d+(\.\d+)?(h|ms|m|us|µs|ns|s))+", duration):
        raise ValueError(f"{duration!r} is not a duration: write 10s, 500ms or 1m30s")
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|m|us|µs|ns|s)", duration)
    return sum(float(number) * UNITS[unit] for number, unit in parts)


def parse_filters(line: str) -> Filters:
    """Return the filters of one line by kind; an empty mapping if the line has none."""
    return parse_qs(line.strip())


class Engine(http.client.HTTPConnection):
    def __init__(self) -> None:
        super().__init__("localhost", timeout=60)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(SOCKET)


def call(method: str, path: str, content: object = None, **query: str) -> tuple[int, object]:
    """Call the engine once, with `content` as JSON; return the status and the decoded answer."""
    engine = Engine()
    try:
        url, sent = f"{path}?{urlencode(query)}" if query else path, None if content is None else json.dumps(content)
        engine.request(method, url, sent, {"Content-Type": "application/json"})
        answer = engine.getresponse()
        body = answer.read()
        return answer.status, json.loads(body) if body.startswith((b"[", b"{")) else None
    finally:
        engine.close()


def find_matches(filters: Filters) -> list[tuple[str, str, dict[str, str]]]:
    """Return (kind, path to delete, query) of every match.

    Containers come first, because they keep networks and volumes in use.
    """
    encoded = json.dumps(filters)
    own = socket.gethostname()
    matches: list[tuple[str, str, dict[str, str]]] = []
    for item in list_objects("/containers/json", all="true", filters=encoded):
        if not str(item["Id"]).startswith(own):
            matches.append(("container", f"/containers/{item['Id']}", {"force": "true", "v": "true"}))
    matches += [("network", f"/networks/{item['Id']}", {}) for item in list_objects("/networks", filters=encoded)]
    for item in list_objects("/volumes", filters=encoded):
        matches.append(("volume", f"/volumes/{quote(str(item['Name']), safe='')}", {"force": "true"}))
    for item in list_objects("/images/json", all="true", filters=encoded):
        matches.append(("image", f"/images/{item['Id']}", {"force": "true"}))
    return matches


def list_objects(path: str, **query: str) -> list[dict[str, object]]:
    """Return the engine's list at `path`. Raises OSError."""
    status, answer = call("GET", path, **query)
    if status != 200:
        raise OSError(f"GET {path}: HTTP {status}: {answer}")
    if isinstance(answer, dict):  # The list of volumes is inside an object.
        answer = answer.get("Volumes")
    return answer if isinstance(answer, list) else []


def sweep(sets: list[Filters]) -> None:
    """Remove every match, in several passes.

    A network can be removed only after its containers, and a dying client may still create objects.
    """
    for _ in range(MAX_SWEEPS):
        remaining = 0
        try:
            for filters in sets:
                for kind, path, query in find_matches(filters):
                    remaining += 1
                    status, answer = call("DELETE", path, **query)
                    print(f"removed {kind} {path}: HTTP {status}" + (f" {answer}" if status >= 400 else ""))
        except OSError as error:
            remaining += 1
            print(f"the engine did not answer: {error}")
        if not remaining:
            return
        time.sleep(1)
    print(f"gave up after {MAX_SWEEPS} passes")


def remove_own_networks() -> None:
    """Leave and remove the networks that were created for this container."""
    own = socket.gethostname()
    try:
        _, answer = call("GET", f"/containers/{own}/json")
        networks = answer["NetworkSettings"]["Networks"] if isinstance(answer, dict) else {}
        for name, network in networks.items():
            if name not in BUILT_IN_NETWORKS:
                call("POST", f"/networks/{network['NetworkID']}/disconnect", content={"Container": own, "Force": True})
                call("DELETE", f"/networks/{network['NetworkID']}")
    except OSError as error:
        print(f"the engine did not answer: {error}")


class Reaper:
    """Count the connected clients and collect their filter sets."""

    def __init__(self) -> None:
        self.sets: list[Filters] = []
        self.connected = 0
        self.had_client = False
        self.changed = asyncio.Event()
        self.stopping = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected += 1
        self.had_client = True
        self.changed.set()
        try:
            while line := await reader.readline():
                filters = parse_filters(line.decode(errors="replace"))
                # An empty filter set would match everything on the engine.
                if filters and filters not in self.sets:
                    self.sets.append(filters)
                if filters:
                    writer.write(b"ACK\n")
                    await writer.drain()
        except (ConnectionError, ValueError):
            pass  # The client is gone, or its line is too long: treat both as gone.
        finally:
            writer.close()
            self.connected -= 1
            self.changed.set()

    def stop(self) -> None:
        self.stopping = True
        self.changed.set()

    async def wait_until_alone(self, connection_timeout: float, reconnection_timeout: float) -> None:
        """Wait until no client connected in time, or the last client did not come back.

        Both timeouts are in seconds.
        """
        while True:
            self.changed.clear()
            if self.connected:
                await self.changed.wait()
                continue
            if self.stopping:
                return
            try:
                await asyncio.wait_for(
                    self.changed.wait(), reconnection_timeout if self.had_client else connection_timeout
                )
            except TimeoutError:
                return


async def serve_clients() -> list[Filters]:
    """Serve clients until they are gone; return their filter sets."""
    reaper = Reaper()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, reaper.stop)
    loop.add_signal_handler(signal.SIGINT, reaper.stop)
    port = int(os.environ.get("RYUK_PORT", "8080"))
    server = await asyncio.start_server(reaper.serve, "0.0.0.0", port)  # noqa: S104  The container has its own network.
    print(f"Started! Listening on port {port}")
    async with server:
        await reaper.wait_until_alone(
            parse_duration(os.environ.get("RYUK_CONNECTION_TIMEOUT", "60s")),
            parse_duration(os.environ.get("RYUK_RECONNECTION_TIMEOUT", "10s")),
        )
    return reaper.sets


if __name__ == "__main__":
    sweep(asyncio.run(serve_clients()))
    remove_own_networks()
