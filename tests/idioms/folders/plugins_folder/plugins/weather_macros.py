from datetime import date

from airflow.plugins_manager import AirflowPlugin


def weekday(ds):
    return date.fromisoformat(ds).strftime("%A")


class WeatherMacros(AirflowPlugin):
    name = "weather_macros"
    macros = [weekday]
