"""A spare copy is ready when the next run wants one, is lent once, and is dropped."""

from __future__ import annotations

import threading
from contextlib import suppress
from itertools import count

import pytest
from tenacity import retry, stop_after_delay, wait_fixed

from harness.services.spares import Spares


class Server:
    """Databases by name; `broken` makes whatever is tried next fail."""

    def __init__(self) -> None:
        self.databases: set[str] = set()
        self.broken = ""
        self.made_by: dict[str, str] = {}
        self._numbers = count()

    def make(self, template: str) -> str:
        self._fail_if("make")
        name = f"{template}-{next(self._numbers)}"
        self.databases.add(name)
        self.made_by[name] = threading.current_thread().name
        return name

    def drop(self, name: str) -> None:
        self._fail_if("drop")
        self.databases.remove(name)

    def _fail_if(self, what: str) -> None:
        if self.broken == what:
            raise ConnectionError(f"can't {what}")

    @retry(stop=stop_after_delay(10), wait=wait_fixed(0.01), reraise=True)
    def await_databases(self, *names: str) -> None:
        assert self.databases == set(names)


def test_the_next_copy_is_made_while_one_is_in_use_and_each_is_lent_once() -> None:
    server = Server()
    spares = Spares(server.make, server.drop)
    lent = []
    for number in range(3):
        with spares.lend("t") as name:
            lent.append(name)
            server.await_databases(f"t-{number}", f"t-{number + 1}")
    assert lent == ["t-0", "t-1", "t-2"]
    server.await_databases("t-3")

    spares.close()
    assert server.databases == set()


def test_two_that_are_lent_at_once_differ() -> None:
    server = Server()
    spares = Spares(server.make, server.drop)
    with spares.lend("t") as one, spares.lend("t") as two, spares.lend("other") as three:
        assert len({one, two, three}) == 3
        assert three.startswith("other")
    spares.close()
    assert server.databases == set()


def test_a_copy_is_dropped_however_its_use_ends() -> None:
    server = Server()
    spares = Spares(server.make, server.drop)
    with pytest.raises(KeyboardInterrupt), spares.lend("t"):
        raise KeyboardInterrupt
    spares.close()
    assert server.databases == set()


@pytest.mark.parametrize("what", ["make", "drop"])
def test_what_fails_in_the_background_is_told(what: str) -> None:
    server = Server()
    spares = Spares(server.make, server.drop)
    with spares.lend("t"):
        server.await_databases("t-0", "t-1")
        server.broken = what
    if what == "make":  # the spare is there; the one after it fails
        with spares.lend("t"):
            pass

    with pytest.raises(ConnectionError, match=f"can't {what}"):
        spares.close()


def test_a_failure_does_not_stay_for_ever() -> None:
    server = Server()
    server.broken = "make"
    spares = Spares(server.make, server.drop)
    with pytest.raises(ConnectionError), spares.lend("t"):
        pass
    server.broken = ""
    with spares.lend("t") as name:
        assert name in server.databases
    with suppress(ConnectionError):
        spares.close()
