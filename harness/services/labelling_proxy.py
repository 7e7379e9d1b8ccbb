"""The labelling proxy for the engine's API: labels new objects and records containers.

It runs alone in a container, so it uses only the standard library and is given as `python3 -c SOURCE ENGINE_SOCKET
LISTEN_SOCKET LABELS`. It parses the three `create` calls and passes all else through byte for byte. Each connection
carries one request (`Connection: close`), so its rest is a pipe in both directions, hijacked or not.

It also follows the engine's events, to find containers that are started past the relay. One with the stack's labels,
which a DAG may copy, counts as a sidecar. One without is only listed, because it may belong to anyone.

A record has the fields of sidecars.Sidecar, and `started`, `ended` and `ours`. The proxy answers two calls itself:
`GET /airflow-harness/records` returns the `records` and whether anything with the stack's labels was `created`;
`POST /airflow-harness/forget` returns the same and clears both.
"""

from __future__ import annotations

import asyncio
import json
import re
import struct
import sys
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

CREATE = re.compile(rb"^POST (?:/v[\d.]+)?/(containers|networks|volumes)/create(?:\?\S*)? HTTP")
# The engine hijacks the connections of these calls. In other calls `Upgrade` could only serve to evade the labels.
HIJACKING = re.compile(
    rb"^(?:POST|GET) (?:/v[\d.]+)?/(?:containers/[^/ ]+/attach(?:/ws)?|exec/[^/ ]+/start|session|grpc)[? ]"
)
CONTROL = re.compile(rb"^(?:GET|POST) /airflow-harness/(records|forget) ")
START = re.compile(rb"^POST (?:/v[\d.]+)?/containers/([\w.-]+)/start[? ]")
NAME = re.compile(rb"[?&]name=([\w.-]+)")
EVENTS = "/events?filters=" + quote(json.dumps({"type": ["container"], "event": ["create", "start", "die"]}))
STACK, ROLE, SIDECAR = "airflow-harness.stack", "airflow-harness.role", "sidecar"  # As in engine.py and relay.py.
GONE = "(removed before its output could be read)"
KEPT = 64 * 1024  # Last bytes of a sidecar's output that are kept.
HEAD_LIMIT = 1024 * 1024


@dataclass
class Answer:
    """An answer with unread body. Holds the writer, as Python 3.12 closes unreferenced ones."""

    body: asyncio.StreamReader
    connection: asyncio.StreamWriter

    async def read(self) -> bytes:
        try:
            return await self.body.read(-1)
        finally:
            self.connection.close()


class Proxy:
    def __init__(self, engine: str, labels: Mapping[str, str]) -> None:
        self.engine = engine
        self.labels = labels
        self.records: list[dict[str, Any]] = []
        self.created = False
        self.relayed: set[str] = set()  # Ids of all containers created through the relay.
        self.tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if control := CONTROL.match(head):
                await self.answer_control(control[1], writer)
                return
            upstream = await asyncio.open_unix_connection(self.engine, limit=HEAD_LIMIT)
        except (asyncio.IncompleteReadError, OSError):
            writer.close()
            return
        create = CREATE.match(head)
        try:
            if started := START.match(head):
                self.mark_started(started[1].decode())
            hijacking = bool(HIJACKING.match(head)) and b"\r\nupgrade:" in head.lower()
            body = await read_body(head, reader) if create or hijacking else b""
            if create:
                self.created = True
                request = json.loads(body or b"{}")
                request["Labels"] = {**(request.get("Labels") or {}), **self.labels}
                await self.label_volumes(request.get("HostConfig") or {})
                body = json.dumps(request).encode()
            if create or hijacking:
                head = with_header(with_header(head, b"Transfer-Encoding"), b"Content-Length", b"%d" % len(body))
            if not hijacking:
                head = with_header(with_header(head, b"Upgrade"), b"Connection", b"close")
            upstream[1].write(head + body)
            await upstream[1].drain()
            if create and create[1] == b"containers":
                answer = await upstream[0].read(-1)
                await self.record_created(answer, head, request)
                writer.write(answer)
                await writer.drain()
            elif not hijacking or await forward_answer(upstream[0], writer):
                await asyncio.gather(pump(reader, upstream[1]), pump(upstream[0], writer, close=True))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.created |= bool(create)  # A `forget` may have come meanwhile.
            for end in (writer, upstream[1]):
                end.close()

    async def answer_control(self, call: bytes, writer: asyncio.StreamWriter) -> None:
        body = json.dumps({"records": self.records, "created": self.created}).encode()
        if call == b"forget":
            self.records, self.created = [], False
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body
        )
        await writer.drain()
        writer.close()

    def mark_started(self, name_or_id: str) -> None:
        """Mark the newest record of the container with this name or prefix of its id."""
        for record in reversed(self.records):
            if record["name"] == name_or_id or record["id"].startswith(name_or_id):
                record["started"] = True
                return

    async def label_volumes(self, host_config: dict[str, Any]) -> None:
        """Label the named volumes that the engine will create with a container.

        Existing volumes keep their labels.
        """
        for mount in host_config.get("Mounts") or ():
            if mount.get("Type") == "volume":
                options = mount["VolumeOptions"] = mount.get("VolumeOptions") or {}
                options["Labels"] = {**(options.get("Labels") or {}), **self.labels}
        for bind in host_config.get("Binds") or ():
            source, _, target = bind.partition(":")
            if target and not source.startswith("/"):
                volume = {"Name": source, "Driver": host_config.get("VolumeDriver") or "", "Labels": self.labels}
                if created := await self.call_engine("POST", "/volumes/create", volume):
                    await created.read()

    async def record_created(self, answer: bytes, head: bytes, request: dict[str, Any]) -> None:
        """Attach to a new container before its creator has the answer, to miss no output."""
        head_end = answer.index(b"\r\n\r\n")
        if b" 201 " not in answer.split(b"\r\n", 1)[0]:
            return
        ident = json.loads(decode_chunks(answer[:head_end], answer[head_end + 4 :]))["Id"]
        named = NAME.search(head.split(b"\r\n", 1)[0])
        name, tty = named[1].decode() if named else "", bool(request.get("Tty"))
        self.relayed.add(ident)
        record = new_record(ident, name, request.get("Image", ""), tty=tty)
        attached = await self.attach(ident)
        exited = await self.call_engine("POST", f"/containers/{ident}/wait?condition=next-exit")
        self.records.append(record)
        self.create_task(follow(record, attached, exited))

    async def follow_events(self, events: Answer) -> None:
        """Record containers that are created past the relay, until the engine ends."""
        while line := await events.body.readline():
            event = json.loads(line)
            self.record_event(event["Action"], event["Actor"]["ID"], event["Actor"]["Attributes"])

    def record_event(self, action: str, ident: str, attributes: Mapping[str, str]) -> None:
        """`attributes` has the container's labels, name and image, and its exit code when it dies."""
        ours = attributes.get(STACK) == self.labels[STACK] and attributes.get(ROLE, SIDECAR) == SIDECAR
        if ident in self.relayed or (self.labels.keys() & attributes.keys() and not ours):
            return  # Recorded already, or a service, or of another session.
        if action == "create" and ours:
            self.created = True  # Possibly through the relay, which is certain only when the container starts.
        elif action == ("start" if ours else "create"):
            record = new_record(ident, attributes.get("name", ""), attributes.get("image", ""), ours=ours)
            self.records.append(record | {"started": ours})
        elif action == "die" and ours:
            for record in self.records:
                if record["id"] == ident:
                    record["exit_code"] = int(attributes["exitCode"])
                    self.create_task(self.read_log(record))

    async def read_log(self, record: dict[str, Any]) -> None:
        """Complete the record of an exited container that was not attached to, from its log."""
        try:
            record["tty"] = bool((await self.inspect(record["id"])).get("Config", {}).get("Tty"))
            log = await self.call_engine("GET", f"/containers/{record['id']}/logs?stdout=1&stderr=1")
            await read_output(record, log)
        finally:
            record["ended"] = True

    async def inspect(self, ident: str) -> dict[str, Any]:
        """Return the engine's description of a container, empty if it is gone."""
        answer = await self.call_engine("GET", f"/containers/{ident}/json")
        description: dict[str, Any] = json.loads(await answer.read()) if answer else {}
        return description

    async def attach(self, ident: str) -> Answer | None:
        """Return the container's output from now until it exits; endless if it has exited already."""
        return await self.call_engine("POST", f"/containers/{ident}/attach?stream=1&stdout=1&stderr=1")

    def create_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` in a task and hold the task, because asyncio holds only weak references."""
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def call_engine(self, method: str, path: str, content: Mapping[str, Any] | None = None) -> Answer | None:
        """Return the engine's answer, or None if it refuses. HTTP/1.0 keeps the body unchunked."""
        body = b"" if content is None else json.dumps(content).encode()
        request = f"{method} {path} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        reader, writer = await asyncio.open_unix_connection(self.engine, limit=HEAD_LIMIT)
        writer.write(request.encode() + body)
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        if head.split(b" ", 2)[1].startswith(b"2"):
            return Answer(reader, writer)
        writer.close()
        return None


def new_record(ident: str, name: str, image: str, *, tty: bool = False, ours: bool = True) -> dict[str, Any]:
    """Return the record of a container that was just created."""
    return {
        "id": ident,
        "name": name,
        "image": image,
        "tty": tty,
        "ours": ours,
        "exit_code": None,
        "output": "",
        "started": False,
        "ended": False,
    }


async def follow(record: dict[str, Any], attached: Answer | None, exited: Answer | None) -> None:
    """Complete the record when its container exits, which one that is never started does not."""
    await read_output(record, attached)
    # A container that was removed while it ran has no status.
    status = re.search(rb'"StatusCode":\s*(-?\d+)', await exited.read() if exited else b"")
    record |= {"exit_code": int(status[1]) if status else None, "ended": True}


async def read_output(record: dict[str, Any], printed: Answer | None) -> None:
    """Read the output until it ends into `record`. `printed` is None if the container is gone."""
    if printed is None:
        record["output"] = GONE
    else:
        try:
            output = await (read_raw(printed.body) if record["tty"] else read_frames(printed.body))
        finally:
            printed.connection.close()
        record["output"] = output.decode("utf-8", "replace")


async def read_raw(stream: asyncio.StreamReader) -> bytes:
    kept = b""
    while chunk := await stream.read(65536):
        kept = (kept + chunk)[-KEPT:]
    return kept


async def read_frames(stream: asyncio.StreamReader) -> bytes:
    """Read the engine's frames: stream (1 byte), zeros (3), big endian length (4), bytes."""
    kept = b""
    try:
        while True:
            (length,) = struct.unpack(">4xI", await stream.readexactly(8))
            kept = (kept + await stream.readexactly(length))[-KEPT:]
    except asyncio.IncompleteReadError:
        return kept


async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, close: bool = False) -> None:
    try:
        while chunk := await source.read(65536):
            sink.write(chunk)
            await sink.drain()
        if close:
            sink.close()
        elif sink.can_write_eof():
            sink.write_eof()
    except (ConnectionError, RuntimeError):
        sink.close()


async def forward_answer(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> bool:
    """Forward the answer's head to a hijacking call. Returns False for an ordinary answer.

    An ordinary answer is forwarded whole. Its connection then ends, so that no further request can follow.
    """
    head = await source.readuntil(b"\r\n\r\n")
    sink.write(head)
    ordinary = re.search(rb"\r\ncontent-length:", head, re.I) is not None
    if ordinary:
        sink.write(await source.readexactly(content_length(head)))
    await sink.drain()
    return not ordinary


async def read_body(head: bytes, reader: asyncio.StreamReader) -> bytes:
    if b"transfer-encoding: chunked" not in head.lower():
        return await reader.readexactly(content_length(head))
    whole = b""
    while length := int((await reader.readline()).split(b";")[0], 16):
        whole += await reader.readexactly(length)
        await reader.readline()
    await reader.readline()
    return whole


def content_length(head: bytes) -> int:
    header = re.search(rb"\r\ncontent-length:\s*(\d+)", head, re.I)
    return int(header[1]) if header else 0


def with_header(head: bytes, name: bytes, value: bytes | None = None) -> bytes:
    """Return `head` with exactly one header `name`, or with none if `value` is None."""
    lines = [line for line in head[:-4].split(b"\r\n") if not line.lower().startswith(name.lower() + b":")]
    if value is not None:
        lines.append(name + b": " + value)
    return b"\r\n".join(lines) + b"\r\n\r\n"


def decode_chunks(head: bytes, body: bytes) -> bytes:
    if b"transfer-encoding: chunked" not in head.lower():
        return body
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        whole, body = whole + body[:length], body[length + 2 :]
        if length == 0:
            break
    return whole


async def main(engine: str, listen: str, labels: str) -> None:
    proxy = Proxy(engine, json.loads(labels))
    # Before the first request, so that no container past the relay is missed.
    events = await proxy.call_engine("GET", EVENTS)
    server = await asyncio.start_unix_server(proxy.serve, listen, limit=HEAD_LIMIT)
    async with server:
        if events:
            proxy.create_task(proxy.follow_events(events))
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
