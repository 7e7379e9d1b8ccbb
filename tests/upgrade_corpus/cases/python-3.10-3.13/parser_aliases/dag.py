"""ConfigParser has no readfp."""

from __future__ import annotations

import configparser
import io
from datetime import datetime

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("parser_aliases", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        parser = configparser.ConfigParser()
        parser.readfp(io.StringIO("[store]\nkeep = 3"))
        S3Hook("store").load_string(parser["store"]["keep"], "out/keep.txt", "parser-aliases")

    write()
