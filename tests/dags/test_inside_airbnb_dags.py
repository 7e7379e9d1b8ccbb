from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

DAG_IDS = ["inside_airbnb", "inside_airbnb_docker"]
DOCKER_VARIABLES = [
    "DOCKER_HOST",
    "NUMBERCRUNCHER_IMAGE",
    "NUMBERCRUNCHER_NETWORK",
    "S3_ENDPOINT",
    "S3_ACCESS_KEY",
    "S3_SECRET_KEY",
]


@pytest.fixture
def bag(load_dags: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in DOCKER_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return load_dags()


def utc(year: int, month: int, day: int = 1) -> Any:
    import pendulum

    return pendulum.datetime(year, month, day)


def restriction(dag: Any) -> Any:
    from airflow.timetables.base import TimeRestriction

    return TimeRestriction(utc(2015, 1), utc(2023, 12, 21), dag.catchup)


def serialize_and_load(timetable: Any) -> Any:
    """Return the timetable as the scheduler reads it from the metadata database."""
    return type(timetable).deserialize(timetable.serialize())


def test_only_the_dag_files_are_parsed(bag: Any) -> None:
    """Airflow doesn't parse the helper modules as DAG files."""
    assert bag.import_errors == {}
    assert bag.captured_warnings == {}
    assert sorted(bag.dags) == DAG_IDS
    assert sorted(Path(stat.file).name for stat in bag.dagbag_stats) == [f"{dag_id}.py" for dag_id in DAG_IDS]


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_each_dag_exports_and_then_crunches(bag: Any, dag_id: str) -> None:
    dag = bag.dags[dag_id]
    assert {task.task_id: task.downstream_task_ids for task in dag.tasks} == {
        "download_from_postgres": {"crunch_numbers"},
        "crunch_numbers": set(),
    }
    assert dag.start_date == datetime(2015, 1, 1, tzinfo=UTC)
    assert dag.end_date == datetime(2023, 12, 21, tzinfo=UTC)
    assert (dag.max_active_runs, dag.catchup) == (1, True)
    download = dag.get_task("download_from_postgres")
    assert type(download).__name__ == "PostgresToS3Operator"
    assert (download.postgres_conn_id, download.s3_conn_id) == ("inside_airbnb", "locals3")
    assert download.s3_bucket == "inside-airbnb"


def test_both_dags_have_the_same_export(bag: Any) -> None:
    first, second = (bag.dags[dag_id].get_task("download_from_postgres") for dag_id in DAG_IDS)
    assert (first.query, first.s3_key) == (second.query, second.s3_key)


@pytest.mark.parametrize("dag_id", DAG_IDS)
@pytest.mark.parametrize(
    ("before", "start", "end"),
    [
        ((2014, 12), (2015, 1), (2015, 2)),
        ((2019, 12), (2020, 1), (2020, 2)),
        ((2020, 1), (2020, 2), (2020, 3)),
        ((2020, 11), (2020, 12), (2021, 1)),
        ((2023, 10), (2023, 11), (2023, 12)),
    ],
)
def test_a_run_exports_the_month_before_its_date(
    bag: Any, dag_id: str, before: tuple[int, int], start: tuple[int, int], end: tuple[int, int]
) -> None:
    """For `airflow dags test DAG END`, whose logical date is the end, and for the scheduler."""
    from airflow.timetables.base import DataInterval

    dag = bag.dags[dag_id]
    by_hand = dag.timetable.infer_manual_data_interval(run_after=utc(*end))
    scheduled = serialize_and_load(dag.timetable).next_dagrun_info(
        last_automated_data_interval=DataInterval(utc(*before), utc(*start)), restriction=restriction(dag)
    )
    assert by_hand == scheduled.data_interval == DataInterval(utc(*start), utc(*end))

    download = dag.get_task("download_from_postgres")
    for interval, logical_date in ((by_hand, by_hand.end), (scheduled.data_interval, scheduled.logical_date)):
        context = {
            "data_interval_start": interval.start,
            "data_interval_end": interval.end,
            "logical_date": logical_date,
            "ds": logical_date.strftime("%Y-%m-%d"),
        }
        query = download.render_template(download.query, context)
        assert download.render_template(download.s3_key, context) == f"listing_{utc(*end).date()}.csv"
        first, after = utc(*start).date(), utc(*end).date()
        assert " ".join(query.split()) == (
            f"SELECT * FROM listings WHERE download_date >= '{first}' AND download_date < '{after}' "  # noqa: S608
            "ORDER BY download_date, id, price"
        )


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_the_scheduler_creates_a_run_for_every_month(bag: Any, dag_id: str) -> None:
    dag = bag.dags[dag_id]
    timetable = serialize_and_load(dag.timetable)
    ends = []
    last = None
    while info := timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction(dag)):
        last = info.data_interval
        ends.append(last.end)
    assert ends == [utc(year + month // 12, month % 12 + 1) for year in range(2015, 2024) for month in range(1, 13)]


def test_default_docker_settings(bag: Any) -> None:
    crunch = bag.dags["inside_airbnb_docker"].get_task("crunch_numbers")
    assert crunch.image == "airflow_book/numbercruncher"
    assert crunch.docker_url == "unix://var/run/docker.sock"
    assert crunch.network_mode == "host"
    assert crunch.environment == {"S3_ENDPOINT": "localhost:9000", "S3_ACCESS_KEY": None}
    assert (crunch.api_version, crunch.auto_remove, crunch.mount_tmp_dir) == ("auto", "success", False)


def test_docker_settings_from_the_environment(load_dags: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in DOCKER_VARIABLES:
        monkeypatch.setenv(name, f"tcp://{name.lower()}")
    crunch = load_dags().dags["inside_airbnb_docker"].get_task("crunch_numbers")
    assert crunch.docker_url == "tcp://docker_host"
    assert crunch.image == "tcp://numbercruncher_image"
    assert crunch.network_mode == "tcp://numbercruncher_network"
    assert crunch.environment == {"S3_ENDPOINT": "tcp://s3_endpoint", "S3_ACCESS_KEY": "tcp://s3_access_key"}
    assert crunch._private_environment == {"S3_SECRET_KEY": "tcp://s3_secret_key"}
    assert not any("s3_secret_key" in str(getattr(crunch, field)) for field in crunch.template_fields)


def test_the_worker_uses_the_endpoint_of_the_connection(bag: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from inside_airbnb.numbercruncher import numbercruncher

    calls: list[Any] = []
    monkeypatch.setattr(numbercruncher, "connect", lambda *args: args)
    monkeypatch.setattr(numbercruncher, "crunch", lambda *args, **kwargs: calls.append((args, kwargs)))
    monkeypatch.setenv(
        "AIRFLOW_CONN_LOCALS3", "aws://ann:p%2Fw%40d@/?endpoint_url=http%3A%2F%2F127.0.0.1%3A4711&region_name=eu-west-1"
    )
    bag.dags["inside_airbnb"].get_task("crunch_numbers").python_callable()
    client = ("http://127.0.0.1:4711", "ann", "p/w@d")
    assert calls == [((client, "inside-airbnb"), {"results": "results/pyop_"})]


def test_a_connection_without_endpoint_is_an_error(bag: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the error the results would go to the real S3."""
    monkeypatch.setenv("AIRFLOW_CONN_LOCALS3", "aws://ann:password@/?region_name=eu-west-1")
    with pytest.raises(ValueError, match="locals3 has no endpoint_url"):
        bag.dags["inside_airbnb"].get_task("crunch_numbers").python_callable()
