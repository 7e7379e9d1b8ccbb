"""The labeller: a proxy for the Docker engine's API that labels what is created and records what ran.

Runs alone in a container: standard library only, given as `python3 -c SOURCE ENGINE_SOCKET LISTEN_SOCKET LABELS MARK`.
It understands the three `create` calls; everything else passes through byte for byte. One request a connection
(`Connection: close`), so that the rest of a connection is a pipe in both directions, hijacked or not.

It also follows the engine's events, for containers that are made past the relay. One is proved the stack's by our label
or by MARK, a variable in its environment (outside.py), and is then listened to like a sidecar. Of any other nothing is
known but what the engine tells everybody, until a client claims it. Containers with labels of ours are no concern here.

It keeps a record of each container: the fields of relay.Sidecar, with `started`, `ended` and `proved`. Three calls are
its own: `GET /airflow-harness/records` answers with these `records`, and whether anything was `made` through it;
`POST /airflow-harness/forget` answers the same and begins anew; `POST /airflow-harness/claim/ID` proves a container the
stack's.
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
OWN = re.compile(rb"^(?:GET|POST) /airflow-harness/(records|forget|claim)(?:/([0-9a-f]+))? ")
START = re.compile(rb"^POST (?:/v[\d.]+)?/containers/([\w.-]+)/start[? ]")
NAME = re.compile(rb"[?&]name=([\w.-]+)")
EVENTS = "/events?filters=" + quote(json.dumps({"type": ["container"], "event": ["create", "start", "die"]}))
STACK, ROLE = "airflow-harness.stack", "airflow-harness.role"  # as in engine.py,
MARKS = ".airflow-harness.invalid"  # and in outside.py, which are not here
LATE = 1.0  # seconds after a container's end in which the rest of its output has come, if anybody heard it
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
    def __init__(self, engine: str, labels: Mapping[str, str], mark: str) -> None:
        self.engine = engine
        self.labels = labels
        self.mark = mark
        self.records: list[dict[str, Any]] = []
        self.made = False
        self.watching: set[asyncio.Task[None]] = set()
        self.reading: dict[str, asyncio.Task[None]] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if own := OWN.match(head):
                await self.answer_own(own[1], (own[2] or b"").decode(), writer)
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

    async def answer_own(self, asked: bytes, ident: str, writer: asyncio.StreamWriter) -> None:
        if asked == b"claim":
            await self.claim(ident)
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

    async def watch(self, answer: bytes, head: bytes, wanted: dict[str, Any]) -> None:
        """Listens to a new container before its creator hears of it, so that nothing it does can be missed."""
        head_end = answer.index(b"\r\n\r\n")
        if b" 201 " not in answer.split(b"\r\n", 1)[0]:
            return
        ident = json.loads(dechunked(answer[:head_end], answer[head_end + 4 :]))["Id"]
        named = NAME.search(head.split(b"\r\n", 1)[0])
        name, tty = named[1].decode() if named else "", bool(wanted.get("Tty"))
        record = new_record(ident, name, wanted.get("Image", ""), tty=tty, past_relay=False)
        attached = await self.attach(ident)
        ended = await self.ask("POST", f"/containers/{ident}/wait?condition=next-exit")
        self.records.append(record)
        self.keep(follow(record, attached, ended))

    async def follow_events(self, events: Answer) -> None:
        """Notes what is made past the relay. Ends with the engine."""
        while line := await events.body.readline():
            event = json.loads(line)
            action, ident, said = event["Action"], event["Actor"]["ID"], event["Actor"]["Attributes"]
            if action == "create":
                await self.note_outside(ident, said)
            elif record := next((r for r in self.records if r["id"] == ident and r["past_relay"]), None):
                record["started"] = True
                if action == "die":
                    record["exit_code"] = int(said["exitCode"])
                    self.keep(self.complete(record))

    async def note_outside(self, ident: str, said: Mapping[str, str]) -> None:
        """A container that was made just now, `said` being its labels, name and image, as its event has them."""
        labelled = said.get(STACK) == self.labels[STACK] and ROLE not in said
        if self.labels.keys() & said.keys() and not labelled:
            return  # made through a relay, or a service
        config = (await self.inspect(ident)).get("Config", {})
        marks = [one for one in config.get("Env") or () if one.endswith(MARKS)]
        if marks and self.mark not in marks:
            return  # another stack's
        tty = bool(config.get("Tty"))
        record = new_record(ident, said.get("name", ""), said.get("image", ""), tty=tty, past_relay=True)
        self.records.append(record)
        if labelled or marks:
            record["proved"] = True
            self.reading[ident] = self.keep(self.listen(record))

    async def listen(self, record: dict[str, Any]) -> None:
        """Reads all that it prints, from its log where it has been started before anybody listened.

        Not from both: what is printed while the engine connects the two would be there twice. Where there is no log, or
        none any more, what was heard has to do.
        """
        ident = record["id"]
        attached = await self.attach(ident)
        if (await self.inspect(ident)).get("State", {}).get("Status") == "created":
            await read_output(record, attached)
        elif logged := await self.ask("GET", f"/containers/{ident}/logs?follow=1&stdout=1&stderr=1"):
            if attached:
                attached.connection.close()
            await read_output(record, logged)
        else:
            await read_output(record, attached)
            record["output"] = record["output"] or GONE

    async def complete(self, record: dict[str, Any]) -> None:
        """Its container has ended. Who attached itself after that hears no end: then the engine's log has to do."""
        try:
            if reading := self.reading.get(record["id"]):
                await asyncio.wait([reading], timeout=LATE)
                if not reading.done():
                    reading.cancel()
                    await self.read_log(record)
        finally:
            self.reading.pop(record["id"], None)
            record["ended"] = True

    async def claim(self, ident: str) -> None:
        """What somebody else proved to be the stack's; it was not listened to, so its log has to do."""
        for record in self.records:
            if record["id"] == ident and not record["proved"]:
                await self.read_log(record)
                record["proved"] = True

    async def inspect(self, ident: str) -> dict[str, Any]:
        """What the engine knows of it; nothing where it is gone."""
        answer = await self.ask("GET", f"/containers/{ident}/json")
        found: dict[str, Any] = json.loads(await answer.whole()) if answer else {}
        return found

    async def attach(self, ident: str) -> Answer | None:
        """What it prints from now on, until it ends; one that has ended gives no end either."""
        return await self.ask("POST", f"/containers/{ident}/attach?stream=1&stdout=1&stderr=1")

    async def read_log(self, record: dict[str, Any]) -> None:
        await read_output(record, await self.ask("GET", f"/containers/{record['id']}/logs?stdout=1&stderr=1"))

    def keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Lets it go on; asyncio itself holds on to no task."""
        task = asyncio.create_task(work)
        self.watching.add(task)
        task.add_done_callback(self.watching.discard)
        return task

    async def ask(self, method: str, path: str) -> Answer | None:
        """The engine's answer; None where it refuses.

        HTTP/1.0, so that no body comes in chunks.
        """
        reader, writer = await asyncio.open_unix_connection(self.engine, limit=HEAD_LIMIT)
        writer.write(f"{method} {path} HTTP/1.0\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        if head.split(b" ", 2)[1].startswith(b"2"):
            return Answer(reader, writer)
        writer.close()
        return None


def new_record(ident: str, name: str, image: str, *, tty: bool, past_relay: bool) -> dict[str, Any]:
    """What is known of a container that was just made; whatever was made through the relay is proved by that."""
    return {
        "id": ident,
        "name": name,
        "image": image,
        "tty": tty,
        "past_relay": past_relay,
        "proved": not past_relay,
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


async def main(engine: str, listen: str, labels: str, mark: str) -> None:
    proxy = Proxy(engine, json.loads(labels), mark)
    # Before anybody can ask for a container: what they make beside is not to be missed either.
    events = await proxy.ask("GET", EVENTS)
    server = await asyncio.start_unix_server(proxy.serve, listen, limit=HEAD_LIMIT)
    async with server:
        if events:
            proxy.keep(proxy.follow_events(events))
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:5]))
