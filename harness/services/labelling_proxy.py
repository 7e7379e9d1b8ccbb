"""The labeller: a proxy for the Docker engine's API that labels what is created and records what ran.

Runs alone in a container: standard library only, given as `python3 -c SOURCE ENGINE_SOCKET LISTEN_SOCKET LABELS`.
It understands the three `create` calls; everything else passes through byte for byte. One request a connection
(`Connection: close`), so that the rest of a connection is a pipe in both directions, hijacked or not.

It also follows the engine's events, for containers that are started past the relay. One that carries our labels, which
a DAG may copy, is a sidecar like any other. One without them is listed: only a label proves that a container is ours.

It keeps a record of each container: the fields of relay.Sidecar, with `started`, `ended` and `ours`. Two calls are its
own: `GET /airflow-harness/records` answers with these `records`, and whether anything of ours was `made`;
`POST /airflow-harness/forget` answers the same and begins anew.
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
# The calls whose connection the engine takes over. Elsewhere `Upgrade` only serves to slip past the labels.
TAKEN_OVER = re.compile(
    rb"^(?:POST|GET) (?:/v[\d.]+)?/(?:containers/[^/ ]+/attach(?:/ws)?|exec/[^/ ]+/start|session|grpc)[? ]"
)
OWN = re.compile(rb"^(?:GET|POST) /airflow-harness/(records|forget) ")
START = re.compile(rb"^POST (?:/v[\d.]+)?/containers/([\w.-]+)/start[? ]")
NAME = re.compile(rb"[?&]name=([\w.-]+)")
EVENTS = "/events?filters=" + quote(json.dumps({"type": ["container"], "event": ["create", "start", "die"]}))
STACK, ROLE, SIDECAR = "airflow-harness.stack", "airflow-harness.role", "sidecar"  # as in engine.py and relay.py
GONE = "(removed before its output could be read)"
KEPT = 64 * 1024  # bytes of a sidecar's output that are kept: its last ones
HEAD_LIMIT = 1024 * 1024


@dataclass
class Answer:
    """The body of the engine's answer, as it comes. Python 3.12 closes a connection whose writer nobody holds."""

    body: asyncio.StreamReader
    connection: asyncio.StreamWriter

    async def whole(self) -> bytes:
        try:
            return await self.body.read(-1)
        finally:
            self.connection.close()


class Proxy:
    def __init__(self, engine: str, labels: Mapping[str, str]) -> None:
        self.engine = engine
        self.labels = labels
        self.records: list[dict[str, Any]] = []
        self.made = False
        self.relayed: set[str] = set()  # ids of all containers made through the relay, for the events that tell of them
        self.watching: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if own := OWN.match(head):
                await self.answer_own(own[1], writer)
                return
            upstream = await asyncio.open_unix_connection(self.engine, limit=HEAD_LIMIT)
        except (asyncio.IncompleteReadError, OSError):
            writer.close()
            return
        create = CREATE.match(head)
        try:
            if started := START.match(head):
                self.note_start(started[1].decode())
            taken_over = bool(TAKEN_OVER.match(head)) and b"\r\nupgrade:" in head.lower()
            body = await whole_body(head, reader) if create or taken_over else b""
            if create:
                self.made = True
                wanted = json.loads(body or b"{}")
                wanted["Labels"] = {**(wanted.get("Labels") or {}), **self.labels}
                await self.label_volumes(wanted.get("HostConfig") or {})
                body = json.dumps(wanted).encode()
            if create or taken_over:
                head = with_header(with_header(head, b"Transfer-Encoding"), b"Content-Length", b"%d" % len(body))
            if not taken_over:
                head = with_header(with_header(head, b"Upgrade"), b"Connection", b"close")
            upstream[1].write(head + body)
            await upstream[1].drain()
            if create and create[1] == b"containers":
                answer = await upstream[0].read(-1)
                await self.watch(answer, head, wanted)
                writer.write(answer)
                await writer.drain()
            elif not taken_over or await passed_on(upstream[0], writer):
                await asyncio.gather(pump(reader, upstream[1]), pump(upstream[0], writer, close=True))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.made |= bool(create)  # it may have been forgotten meanwhile
            for end in (writer, upstream[1]):
                end.close()

    async def answer_own(self, asked: bytes, writer: asyncio.StreamWriter) -> None:
        body = json.dumps({"records": self.records, "made": self.made}).encode()
        if asked == b"forget":
            self.records, self.made = [], False
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body
        )
        await writer.drain()
        writer.close()

    def note_start(self, wanted: str) -> None:
        """Marks the record of the container that is being started, by its name or the beginning of its id."""
        for record in reversed(self.records):
            if record["name"] == wanted or record["id"].startswith(wanted):
                record["started"] = True
                return

    async def label_volumes(self, host_config: dict[str, Any]) -> None:
        """Labels the named volumes that the engine will create together with a container.

        A volume that exists keeps the labels it has.
        """
        for mount in host_config.get("Mounts") or ():
            if mount.get("Type") == "volume":
                options = mount["VolumeOptions"] = mount.get("VolumeOptions") or {}
                options["Labels"] = {**(options.get("Labels") or {}), **self.labels}
        for bind in host_config.get("Binds") or ():
            source, _, target = bind.partition(":")
            if target and not source.startswith("/"):
                volume = {"Name": source, "Driver": host_config.get("VolumeDriver") or "", "Labels": self.labels}
                if created := await self.ask("POST", "/volumes/create", volume):
                    await created.whole()

    async def watch(self, answer: bytes, head: bytes, wanted: dict[str, Any]) -> None:
        """Listens to a new container before its creator hears of it, so that nothing it does can be missed."""
        head_end = answer.index(b"\r\n\r\n")
        if b" 201 " not in answer.split(b"\r\n", 1)[0]:
            return
        ident = json.loads(dechunked(answer[:head_end], answer[head_end + 4 :]))["Id"]
        named = NAME.search(head.split(b"\r\n", 1)[0])
        name, tty = named[1].decode() if named else "", bool(wanted.get("Tty"))
        self.relayed.add(ident)
        record = new_record(ident, name, wanted.get("Image", ""), tty=tty)
        attached = await self.attach(ident)
        ended = await self.ask("POST", f"/containers/{ident}/wait?condition=next-exit")
        self.records.append(record)
        self.keep(follow(record, attached, ended))

    async def follow_events(self, events: Answer) -> None:
        """Notes what is made past the relay. Ends with the engine."""
        while line := await events.body.readline():
            event = json.loads(line)
            self.note_event(event["Action"], event["Actor"]["ID"], event["Actor"]["Attributes"])

    def note_event(self, action: str, ident: str, attributes: Mapping[str, str]) -> None:
        """`attributes`: the container's labels, name and image, and the exit code when it ends."""
        ours = attributes.get(STACK) == self.labels[STACK] and attributes.get(ROLE, SIDECAR) == SIDECAR
        if ident in self.relayed or (self.labels.keys() & attributes.keys() and not ours):
            return  # recorded already, or a service, or of another session
        if action == "create" and ours:
            self.made = True  # possibly through the relay: that is certain when the container starts
        elif action == ("start" if ours else "create"):
            record = new_record(ident, attributes.get("name", ""), attributes.get("image", ""), ours=ours)
            self.records.append(record | {"started": ours})
        elif action == "die" and ours:
            for record in self.records:
                if record["id"] == ident:
                    record["exit_code"] = int(attributes["exitCode"])
                    self.keep(self.read_log(record))

    async def read_log(self, record: dict[str, Any]) -> None:
        """Completes the record of a container that has ended, and that no attachment listened to."""
        try:
            record["tty"] = bool((await self.inspect(record["id"])).get("Config", {}).get("Tty"))
            await read_output(record, await self.ask("GET", f"/containers/{record['id']}/logs?stdout=1&stderr=1"))
        finally:
            record["ended"] = True

    async def inspect(self, ident: str) -> dict[str, Any]:
        """What the engine knows of it; nothing where it is gone."""
        answer = await self.ask("GET", f"/containers/{ident}/json")
        found: dict[str, Any] = json.loads(await answer.whole()) if answer else {}
        return found

    async def attach(self, ident: str) -> Answer | None:
        """What it prints from now on, until it ends; one that has ended gives no end either."""
        return await self.ask("POST", f"/containers/{ident}/attach?stream=1&stdout=1&stderr=1")

    def keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Lets it go on; asyncio itself holds on to no task."""
        task = asyncio.create_task(work)
        self.watching.add(task)
        task.add_done_callback(self.watching.discard)
        return task

    async def ask(self, method: str, path: str, content: Mapping[str, Any] | None = None) -> Answer | None:
        """The engine's answer; None where it refuses.

        HTTP/1.0, so that no body comes in chunks.
        """
        body = b"" if content is None else json.dumps(content).encode()
        asked = f"{method} {path} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        reader, writer = await asyncio.open_unix_connection(self.engine, limit=HEAD_LIMIT)
        writer.write(asked.encode() + body)
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        if head.split(b" ", 2)[1].startswith(b"2"):
            return Answer(reader, writer)
        writer.close()
        return None


def new_record(ident: str, name: str, image: str, *, tty: bool = False, ours: bool = True) -> dict[str, Any]:
    """What is known of a container that was just made."""
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


async def follow(record: dict[str, Any], attached: Answer | None, ended: Answer | None) -> None:
    """Completes the record when its container has ended. One that is never started never does."""
    await read_output(record, attached)
    # No status: it was removed while it ran.
    found = re.search(rb'"StatusCode":\s*(-?\d+)', await ended.whole() if ended else b"")
    record |= {"exit_code": int(found[1]) if found else None, "ended": True}


async def read_output(record: dict[str, Any], printed: Answer | None) -> None:
    """All of it, when it ends; None where the engine had none to give any more."""
    if printed is None:
        record["output"] = GONE
    else:
        try:
            output = await (raw_output(printed.body) if record["tty"] else framed_output(printed.body))
        finally:
            printed.connection.close()
        record["output"] = output.decode("utf-8", "replace")


async def raw_output(stream: asyncio.StreamReader) -> bytes:
    kept = b""
    while chunk := await stream.read(65536):
        kept = (kept + chunk)[-KEPT:]
    return kept


async def framed_output(stream: asyncio.StreamReader) -> bytes:
    """The engine's multiplexed form: 1 byte stream, 3 bytes zero, 4 bytes length (big endian), then the bytes."""
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


async def passed_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> bool:
    """Passes on the head of the answer to a call that may be taken over. False where it was an ordinary answer.

    That one is passed on whole, and its connection then ends, so that no further request can follow on it.
    """
    head = await source.readuntil(b"\r\n\r\n")
    sink.write(head)
    ordinary = re.search(rb"\r\ncontent-length:", head, re.I) is not None
    if ordinary:
        sink.write(await source.readexactly(content_length(head)))
    await sink.drain()
    return not ordinary


async def whole_body(head: bytes, reader: asyncio.StreamReader) -> bytes:
    if b"transfer-encoding: chunked" not in head.lower():
        return await reader.readexactly(content_length(head))
    whole = b""
    while length := int((await reader.readline()).split(b";")[0], 16):
        whole += await reader.readexactly(length)
        await reader.readline()
    await reader.readline()
    return whole


def content_length(head: bytes) -> int:
    found = re.search(rb"\r\ncontent-length:\s*(\d+)", head, re.I)
    return int(found[1]) if found else 0


def with_header(head: bytes, name: bytes, value: bytes | None = None) -> bytes:
    """`head` with one header of that name, whichever it had before; without any where no value is given."""
    lines = [line for line in head[:-4].split(b"\r\n") if not line.lower().startswith(name.lower() + b":")]
    if value is not None:
        lines.append(name + b": " + value)
    return b"\r\n".join(lines) + b"\r\n\r\n"


def dechunked(head: bytes, body: bytes) -> bytes:
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
    # Before anybody can ask for a container: what they make beside is not to be missed either.
    events = await proxy.ask("GET", EVENTS)
    server = await asyncio.start_unix_server(proxy.serve, listen, limit=HEAD_LIMIT)
    async with server:
        if events:
            proxy.keep(proxy.follow_events(events))
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
