"""Path.glob('**') gives files too, no longer folders alone."""

from __future__ import annotations

import json
import tempfile
from datetime import datetime
from pathlib import Path

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, task

with DAG("glob_with_files", schedule=None, start_date=datetime(2024, 1, 1)):

    @task
    def write():
        with tempfile.TemporaryDirectory() as name:
            (Path(name) / "2024").mkdir()
            (Path(name) / "2024" / "visits.csv").touch()
            folders = sorted(str(found.relative_to(name)) for found in Path(name).glob("**"))
        S3Hook("store").load_string(json.dumps(folders), "out/folders.json", "glob-with-files")

    write()
