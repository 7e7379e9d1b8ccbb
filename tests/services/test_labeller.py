"""Whose words the labeller takes for what a container printed: an engine made up here gives both, and tells when."""

from __future__ import annotations

import asyncio
import json
import struct
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from harness.services import labeller
from harness.services.labeller import EVENTS, GONE, MARKS, ROLE, STACK, Proxy

LABELS = {STACK: "a-stack", ROLE: "sidecar"}
ENDLESS = b"(never)"
MARK = f"FTP_PROXY=http://ours{MARKS}"


def frame(text: str) -> bytes:
    return struct.pack(">4xI", len(text)) + text.encode()


def engine(status: str | None) -> dict[str, list[bytes | None]]:
    """What it answers to each call, the last answer again and again; None: 404. `status`: when it was listened to."""
    named = {"Env": [MARK], "Tty": False}
    states = [{"Status": "created"}, {"Status": status}]
    inspected: list[bytes | None] = [json.dumps({"Config": named, "State": state}).encode() for state in states]
    if status is None:
        inspected[1] = None
    return {
        "attach": [frame("heard\n")],
        # As the engine does: what the log has, then what is heard, which may be the same.
        "attach+logs": [frame("logged\n") + frame("heard\n")],
        "logs": [frame("logged\n") if status == "running" else None],
        "json": inspected,
    }


def listened_too_late(status: str | None) -> dict[str, list[bytes | None]]:
    """The same where the container had ended when somebody listened: an attachment that never ends."""
    return {**engine(status), "attach": [ENDLESS]}


async def follow(answers: dict[str, list[bytes | None]], folder: Path) -> str:
    """The output in the record of a container that is made, started and ends past the relay."""
    told = {"ID": "c1", "Attributes": {"name": "one", "image": "python", "exitCode": "3"}}
    events = "".join(json.dumps({"Action": action, "Actor": told}) + "\n" for action in ("create", "start", "die"))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = urlsplit((await reader.readuntil(b"\r\n\r\n")).split()[1].decode())
        what = asked.path.rpartition("/")[2] + (
            "+logs" if asked.path.endswith("attach") and "logs=" in asked.query else ""
        )
        left = answers[what] if what != "events" else [events.encode()]
        body = left.pop(0) if len(left) > 1 else left[0]
        writer.write(b"HTTP/1.0 404 Not Found\r\n\r\n" if body is None else b"HTTP/1.0 200 OK\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)  # a body comes after its head, and most of them much later
        if body is ENDLESS:
            await reader.read()  # until the labeller lets go, for which Python 3.12's servers wait
        else:
            writer.write(body or b"")
        writer.close()

    proxy = Proxy(str(folder / "engine"), LABELS, MARK)
    async with await asyncio.start_unix_server(answer, folder / "engine"):
        events_of_engine = await proxy.ask("GET", EVENTS)
        assert events_of_engine
        await proxy.follow_events(events_of_engine)
        await asyncio.wait(set(proxy.watching))
    (record,) = proxy.records
    assert (record["proved"], record["exit_code"], record["ended"]) == (True, 3, True)
    return str(record["output"])


def recorded(answers: dict[str, list[bytes | None]], folder: Path) -> str:
    return asyncio.run(asyncio.wait_for(follow(answers, folder), 10))


@pytest.mark.parametrize(
    ("status", "output"), [("created", "heard\n"), ("running", "logged\n"), ("exited", "heard\n"), (None, "heard\n")]
)
def test_nothing_is_taken_from_both(status: str | None, output: str, tmp_path: Path) -> None:
    assert recorded(engine(status), tmp_path) == output


def test_nobody_waits_for_an_attachment_that_never_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labeller, "LATE", 0.05)
    for status, output in (("running", "logged\n"), (None, GONE)):
        folder = tmp_path / str(status)
        folder.mkdir()
        assert recorded(listened_too_late(status), folder) == output


def test_what_is_gone_and_was_not_heard_says_so(tmp_path: Path) -> None:
    refused = {**engine(None), "attach": [None]}
    assert recorded(refused, tmp_path) == GONE
