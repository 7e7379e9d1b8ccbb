"""FileSensor does not look for the file again after it has found it."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path

from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.sdk import DAG

FILE = Path(tempfile.gettempdir()) / "sensor_polls_twice.csv"


class ConsumingSensor(FileSensor):
    """Another process takes the file away as soon as the sensor has seen it, and there is no triggerer."""

    def execute(self, context):
        FILE.touch()
        return super().execute(context)

    def poke(self, context) -> bool:
        found = super().poke(context)
        FILE.unlink(missing_ok=True)
        return found

    def defer(self, **trigger):
        raise RuntimeError("nothing runs the trigger")


with DAG("sensor_polls_twice", schedule=None, start_date=datetime(2024, 1, 1)):
    ConsumingSensor(task_id="wait", filepath=str(FILE), poke_interval=1, timeout=3)
