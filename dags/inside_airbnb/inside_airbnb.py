"""Export a month of Inside Airbnb's listings to S3; compute price changes in the worker."""

from datetime import datetime, timezone

from airflow import DAG
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.standard.operators.python import PythonOperator
from airflow.timetables.interval import CronDataIntervalTimetable

from inside_airbnb.postgres_to_s3 import PostgresToS3Operator

S3_CONN_ID = "locals3"
S3_BUCKET = "inside-airbnb"


def crunch_listings() -> None:
    # Imported here so that parsing this file doesn't import pandas.
    from inside_airbnb.numbercruncher.numbercruncher import connect, crunch

    hook = S3Hook(aws_conn_id=S3_CONN_ID)
    credentials = hook.get_credentials()
    endpoint = hook.conn_config.get_service_endpoint_url("s3")
    if not endpoint:
        raise ValueError(f"Connection {S3_CONN_ID} has no endpoint_url")
    client = connect(endpoint, credentials.access_key, credentials.secret_key)
    crunch(client, S3_BUCKET, results="results/pyop_")


with DAG(
    dag_id="inside_airbnb",
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
        s3_conn_id=S3_CONN_ID,
        s3_bucket=S3_BUCKET,
        s3_key="listing_{{ data_interval_end | ds }}.csv",
    )

    crunch_numbers = PythonOperator(task_id="crunch_numbers", python_callable=crunch_listings)

    download_from_postgres >> crunch_numbers
