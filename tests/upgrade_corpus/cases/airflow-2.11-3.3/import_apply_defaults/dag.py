"""An operator after the manner of Airflow 1."""

from datetime import datetime

from airflow import DAG
from airflow.models import BaseOperator
from airflow.utils.decorators import apply_defaults


class Work(BaseOperator):
    @apply_defaults
    def __init__(self, path: str, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.path = path

    def execute(self, context: object) -> str:
        return self.path


with DAG("import_apply_defaults", schedule=None, start_date=datetime(2024, 1, 1)):
    Work(task_id="work", path="prices.csv")
