"""What a scenario does with its world: dates, objects, and the lines that the services printed for it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from pathlib import Path

import psycopg
import pytest
from tenacity import retry, stop_after_delay, wait_fixed

from harness.airflow.runners import ProcessResult
from harness.errors import MissingObjectError, RunRefusedError
from harness.services.embedded.processes import Process
from harness.world import World

EXAMPLES = Path(__file__).parent / "example_dags"


class Executed(Exception):  # noqa: N818 - ends a run where Airflow would start
    """The command that a runner was called with, and its timeout."""


def without_airflow(world: World) -> World:
    def execute(command: list[str], *rest: object) -> ProcessResult:
        raise Executed(command[-1], rest[-1])

    settings = world.settings.model_copy(update={"dags_folder": EXAMPLES, "run_timeout": 77.0})
    return dataclasses.replace(world, settings=settings, execute=execute)


NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=2)))


@pytest.mark.parametrize(
    ("date", "argument"),
    [
        (dt.date(2026, 3, 1), "2026-03-01"),
        (dt.datetime(2026, 3, 1), "2026-03-01T00:00:00"),
        (NOON, "2026-03-01T12:00:00+02:00"),
    ],
    ids=str,
)
def test_a_date_or_datetime_is_a_logical_date(world: World, date: dt.date, argument: str) -> None:
    own = without_airflow(world)
    with pytest.raises(Executed) as executed:
        own.run("hello", date)
    assert executed.value.args == (argument, 77.0)
    assert own.runs[0].date == argument


def test_another_type_is_not_a_date(world: World) -> None:
    with pytest.raises(RunRefusedError, match="'None' is not a date: write 2021-01-31"):
        without_airflow(world).run("hello", None)  # type: ignore[arg-type]


def test_a_run_has_its_own_timeout(world: World) -> None:
    with pytest.raises(Executed) as executed:
        without_airflow(world).run("hello", "2021-01-01", timeout=2.5)
    assert executed.value.args == ("2021-01-01", 2.5)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), "soon"])
def test_a_timeout_is_a_number_of_seconds(world: World, timeout: float) -> None:
    own = without_airflow(world)
    with pytest.raises(RunRefusedError, match=f"^timeout={timeout!r}: write the seconds as a number above 0$"):
        own.run("hello", "2021-01-01", timeout=timeout)
    assert own.runs[0].refused


def test_a_missing_object_is_one_line_with_the_nearest_names_first(world: World) -> None:
    world.s3().make_bucket("results")
    for key in ("zebra.txt", "daily/2021-01-01.json", "daily/2021-02-01.json", *(f"{n}.bin" for n in range(12))):
        world.put("results", key, b"")

    with pytest.raises(MissingObjectError) as missing:
        world.read("results", "daily/2021-01-1.json")

    said = str(missing.value)
    assert said.startswith(
        "bucket 'results' has no object 'daily/2021-01-1.json'. It holds 15: "
        "'daily/2021-01-01.json', 'daily/2021-02-01.json', "
    )
    assert said.endswith(" and 5 more")
    assert "\n" not in said


def test_an_empty_and_a_missing_bucket_are_named(world: World) -> None:
    world.s3().make_bucket("empty-one")
    with pytest.raises(MissingObjectError, match=r"^bucket 'empty-one' has no object 'a'\. It is empty$"):
        world.read("empty-one", "a")
    with pytest.raises(MissingObjectError) as missing:
        world.read("empty-on", "a")
    assert str(missing.value).startswith("there is no bucket 'empty-on' to read 'a' from. The buckets are 'empty-one'")


def test_the_lines_of_the_services_start_with_the_scenario(world: World) -> None:
    """What an earlier scenario did is not shown below the failure of a later one."""
    services = (world.stack.postgres, world.stack.aws)

    def leave_a_line(word: str) -> None:
        with world.sql("postgres") as connection, pytest.raises(psycopg.Error):
            connection.execute(f"SELECT {word}_column")
        world.aws.client("s3").list_buckets(Prefix=f"{word}-bucket")
        await_lines(word)

    @retry(stop=stop_after_delay(10), wait=wait_fixed(0.02), reraise=True)
    def await_lines(word: str) -> None:
        assert all(re.search(rf"\b{word}[_-]", service.log_tail(50)) for service in services)

    leave_a_line("earlier")
    world.stack.reset()
    leave_a_line("later")

    for service in services:
        assert "earlier" not in service.log_tail(1000)


def test_the_log_of_a_process_starts_at_its_mark(tmp_path: Path) -> None:
    process = Process("minio", tmp_path)
    process.mark_log()
    assert process.read_log_tail(9) == "", "there is no log"
    (tmp_path / "minio.log").write_text("earlier\n")
    assert process.read_log_tail(9) == "earlier"
    process.mark_log()
    with (tmp_path / "minio.log").open("a") as log:
        log.write("later\nlast\n")
    assert process.read_log_tail(9) == "later\nlast"
    assert process.read_log_tail(1) == "last"
