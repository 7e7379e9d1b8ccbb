"""Export a month of Inside Airbnb's listings to S3; compute price changes in a container."""

import os
from datetime import datetime, timezone

from airflow import DAG
from airflow.providers.docker.operators.docker import DockerOperator
from airflow.timetables.interval import CronDataIntervalTimetable

from inside_airbnb.postgres_to_s3 import PostgresToS3Operator

with DAG(
    dag_id="inside_airbnb_docker",
    # On Airflow 3 plain "@monthly" has an empty interval; with this timetable it is the previous month on both lines.
    schedule=CronDataIntervalTimetable("@monthly", timezone="UTC"),
    start_date=datetime(2015, 1, 1, tzinfo=timezone.utc),
    end_date=datetime(2023, 12, 21, tzinfo=timezone.utc),
    max_active_runs=1,
    catchup=True,
):
    download_from_postgres = PostgresToS3Operator(
        task_id="download_from_postgres",
        postgres_conn_id="inside_airbnb",
        # A half-open interval exports a snapshot of the first of a month once. The order makes repeated
        # runs write equal bytes.
        query="""
            SELECT * FROM listings
            WHERE download_date >= '{{ data_interval_start | ds }}'
              AND download_date < '{{ data_interval_end | ds }}'
            ORDER BY download_date, id, price
        """,
        s3_conn_id="locals3",
        s3_bucket="inside-airbnb",
        s3_key="listing_{{ data_interval_end | ds }}.csv",
    )

    crunch_numbers = DockerOperator(
        task_id="crunch_numbers",
        image=os.environ.get("NUMBERCRUNCHER_IMAGE", "airflow_book/numbercruncher"),
        docker_url=os.environ.get("DOCKER_HOST", "unix://var/run/docker.sock"),
        network_mode=os.environ.get("NUMBERCRUNCHER_NETWORK", "host"),
        api_version="auto",
        auto_remove="success",
        # The engine may be another machine, where the worker's temporary folder does not exist.
        mount_tmp_dir=False,
        environment={
            "S3_ENDPOINT": os.environ.get("S3_ENDPOINT", "localhost:9000"),
            "S3_ACCESS_KEY": os.environ.get("S3_ACCESS_KEY"),
        },
        # Airflow stores and shows `environment`, but not `private_environment`.
        private_environment={"S3_SECRET_KEY": os.environ.get("S3_SECRET_KEY")},
    )

    download_from_postgres >> crunch_numbers
