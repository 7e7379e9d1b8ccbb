"""An operator and a macro come from the plugins folder, which Airflow puts on the path."""

from datetime import datetime

from airflow import DAG
from operators.forecast import ForecastOperator

with DAG("weather", start_date=datetime(2022, 1, 1), schedule="@daily") as dag:
    ForecastOperator(task_id="forecast", city="Utrecht", day="{{ macros.weather_macros.weekday(ds) }}")
