"""Records that the labelling proxy makes of the engine's events, without an engine."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from harness.services.labelling_proxy import GONE, ROLE, SIDECAR, STACK, Proxy, new_record

OURS = {STACK: "a-stack", ROLE: SIDECAR}
UNLABELLED = {"name": "one", "image": "python"}


@pytest.fixture
def proxy(tmp_path: Path) -> Proxy:
    return Proxy(str(tmp_path / "engine"), OURS)


def ids(proxy: Proxy) -> list[tuple[str, bool]]:
    return [(record["id"], record["ours"]) for record in proxy.records]


def test_an_unlabelled_container_is_listed_once(proxy: Proxy) -> None:
    for action in ("create", "start"):
        proxy.record_event(action, "c1", UNLABELLED)
    proxy.record_event("die", "c1", {**UNLABELLED, "exitCode": "0"})
    assert ids(proxy) == [("c1", False)]
    assert not proxy.created, "it is not removed"


def test_a_container_with_copied_labels_is_removed_once_created_and_listed_once_started(proxy: Proxy) -> None:
    proxy.record_event("create", "c1", {**UNLABELLED, **OURS})
    assert (ids(proxy), proxy.created) == ([], True)
    proxy.record_event("start", "c1", {**UNLABELLED, **OURS})
    assert ids(proxy) == [("c1", True)]


def test_events_of_containers_created_through_the_relay_add_no_record(proxy: Proxy) -> None:
    """Late events must not either, after the next scenario has cleared the records."""
    proxy.relayed.add("c1")
    for action in ("create", "start", "die"):
        proxy.record_event(action, "c1", {**UNLABELLED, **OURS, "exitCode": "0"})
    assert ids(proxy) == []


@pytest.mark.parametrize("labels", [{STACK: "another", ROLE: SIDECAR}, {STACK: "a-stack", ROLE: "minio"}, {ROLE: "x"}])
def test_services_and_other_sessions_are_not_recorded(proxy: Proxy, labels: dict[str, str]) -> None:
    for action in ("create", "start"):
        proxy.record_event(action, "c1", {**UNLABELLED, **labels})
    assert (ids(proxy), proxy.created) == ([], False)


def test_a_container_that_is_gone_when_it_exits_has_a_record_that_says_so(proxy: Proxy) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 404 Not Found\r\n\r\n")
        await writer.drain()
        writer.close()

    async def read_record() -> dict[str, Any]:
        record = new_record("c1", "one", "python")
        async with await asyncio.start_unix_server(refuse, proxy.engine):
            await proxy.read_log(record)
        return record

    record = asyncio.run(asyncio.wait_for(read_record(), 10))
    assert (record["output"], record["ended"]) == (GONE, True)
