"""Ryuk's stand-in: its protocol, and when it starts to remove."""

from __future__ import annotations

import asyncio
import importlib.util
import time
from pathlib import Path
from types import ModuleType

import pytest

import harness.images


@pytest.fixture(scope="module")
def stand_in() -> ModuleType:
    assert harness.images.__file__
    file = Path(harness.images.__file__).parent / "recipes/reaper/stand_in.py"
    spec = importlib.util.spec_from_file_location("stand_in", file)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("text", "value"), [("10s", 10.0), ("500ms", 0.5), ("1m30s", 90.0), ("1.5s", 1.5), ("2h", 7200.0)]
)
def test_go_durations_are_parsed(stand_in: ModuleType, text: str, value: float) -> None:
    assert stand_in.parse_duration(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["10", "", "ten s", "10s!"])
def test_an_invalid_duration_is_an_error(stand_in: ModuleType, text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        stand_in.parse_duration(text)


def test_filters_are_parsed(stand_in: ModuleType) -> None:
    assert stand_in.parse_filters("label=a%3Db&label=c=d\n") == {"label": ["a=b", "c=d"]}
    assert stand_in.parse_filters("label=org.testcontainers.session-id=1\r\n") == {
        "label": ["org.testcontainers.session-id=1"]
    }
    assert stand_in.parse_filters("\n") == {}


def test_wait_ends_if_no_client_connects(stand_in: ModuleType) -> None:
    start = time.monotonic()
    asyncio.run(stand_in.Reaper().wait_until_alone(0.2, 30.0))
    assert time.monotonic() - start < 2


def test_wait_ends_after_the_last_client_left_for_good(stand_in: ModuleType) -> None:
    async def play() -> tuple[list[dict[str, list[str]]], float]:
        reaper = stand_in.Reaper()
        server = await asyncio.start_server(reaper.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        waiting = asyncio.create_task(reaper.wait_until_alone(30.0, 2.0))
        for line in (b"label=a%3Db\n", b"label=c%3Dd\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(line)
            assert await reader.readline() == b"ACK\n"
            await asyncio.sleep(2.2)  # Only waiting can show that the task does not end.
            assert not waiting.done(), "a client is connected"
            writer.close()
            await asyncio.sleep(0.2)
            assert not waiting.done(), "the client may come back"
        left = time.monotonic()
        await asyncio.wait_for(waiting, 20)
        server.close()
        return reaper.sets, time.monotonic() - left

    sets, waited = asyncio.run(play())
    assert sets == [{"label": ["a=b"]}, {"label": ["c=d"]}]
    assert waited >= 1.5


def test_an_empty_line_is_not_a_filter(stand_in: ModuleType) -> None:
    async def play() -> list[dict[str, list[str]]]:
        reaper = stand_in.Reaper()
        server = await asyncio.start_server(reaper.serve, "127.0.0.1", 0)
        _, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
        writer.write(b"\n\nlabel=\n")
        await writer.drain()
        writer.close()
        await reaper.wait_until_alone(0.3, 0.3)
        server.close()
        sets: list[dict[str, list[str]]] = reaper.sets
        return sets

    assert asyncio.run(play()) == []


def test_sigterm_skips_the_waiting(stand_in: ModuleType) -> None:
    async def play() -> None:
        reaper = stand_in.Reaper()
        reaper.stop()
        await asyncio.wait_for(reaper.wait_until_alone(30.0, 30.0), 1)

    asyncio.run(play())


def test_the_last_act_is_to_leave_and_remove_its_own_network(
    stand_in: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def call(method: str, path: str, content: object = None) -> tuple[int, object]:
        calls.append(f"{method} {path}")
        networks = {"bridge": {"NetworkID": "1"}, "own": {"NetworkID": "2"}}
        return 200, {"NetworkSettings": {"Networks": networks}} if method == "GET" else None

    monkeypatch.setattr(stand_in, "call", call)
    monkeypatch.setattr(stand_in.socket, "gethostname", lambda: "me")
    stand_in.remove_own_networks()
    assert calls == ["GET /containers/me/json", "POST /networks/2/disconnect", "DELETE /networks/2"]


def test_sweep_repeats_until_there_is_no_match(stand_in: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stand_in.time, "sleep", lambda seconds: None)
    rounds = iter([[("network", "/networks/1", {})], OSError("no engine"), [], AssertionError("the sweep goes on")])
    deleted: list[str] = []

    def find_matches(filters: object) -> object:
        answer = next(rounds)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(stand_in, "find_matches", find_matches)
    monkeypatch.setattr(stand_in, "call", lambda method, path, **_: (deleted.append(path), (409, None))[1])
    stand_in.sweep([{"label": ["a=b"]}])
    assert deleted == ["/networks/1"]
    assert len(list(rounds)) == 1, "the sweep ended at the first pass without a match"
