"""What the labeller records of the engine's events, without an engine."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from harness.services.labelling_proxy import GONE, ROLE, SIDECAR, STACK, Proxy, new_record

OURS = {STACK: "a-stack", ROLE: SIDECAR}
NOBODYS = {"name": "one", "image": "python"}


@pytest.fixture
def proxy(tmp_path: Path) -> Proxy:
    return Proxy(str(tmp_path / "engine"), OURS)


def ids(proxy: Proxy) -> list[tuple[str, bool]]:
    return [(record["id"], record["ours"]) for record in proxy.records]


def test_what_nobody_labelled_is_listed_once(proxy: Proxy) -> None:
    for action in ("create", "start"):
        proxy.note_event(action, "c1", NOBODYS)
    proxy.note_event("die", "c1", {**NOBODYS, "exitCode": "0"})
    assert ids(proxy) == [("c1", False)]
    assert not proxy.made, "nothing is to be removed for it"


def test_a_copy_of_our_labels_is_ours_when_it_starts_and_to_be_removed_before(proxy: Proxy) -> None:
    proxy.note_event("create", "c1", {**NOBODYS, **OURS})
    assert (ids(proxy), proxy.made) == ([], True)
    proxy.note_event("start", "c1", {**NOBODYS, **OURS})
    assert ids(proxy) == [("c1", True)]


def test_events_of_what_was_made_through_the_relay_add_nothing(proxy: Proxy) -> None:
    """Also late ones, when the next scenario has begun and its record is forgotten."""
    proxy.relayed.add("c1")
    for action in ("create", "start", "die"):
        proxy.note_event(action, "c1", {**NOBODYS, **OURS, "exitCode": "0"})
    assert ids(proxy) == []


@pytest.mark.parametrize("labels", [{STACK: "another", ROLE: SIDECAR}, {STACK: "a-stack", ROLE: "minio"}, {ROLE: "x"}])
def test_services_and_other_sessions_are_not_recorded(proxy: Proxy, labels: dict[str, str]) -> None:
    for action in ("create", "start"):
        proxy.note_event(action, "c1", {**NOBODYS, **labels})
    assert (ids(proxy), proxy.made) == ([], False)


def test_a_copy_that_is_gone_when_it_ends_says_so(proxy: Proxy) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 404 Not Found\r\n\r\n")
        await writer.drain()
        writer.close()

    async def ended() -> dict[str, Any]:
        record = new_record("c1", "one", "python")
        async with await asyncio.start_unix_server(refuse, proxy.engine):
            await proxy.read_log(record)
        return record

    record = asyncio.run(asyncio.wait_for(ended(), 10))
    assert (record["output"], record["ended"]) == (GONE, True)
