from airflow.models import BaseOperator


class ForecastOperator(BaseOperator):
    template_fields = ("city", "day")

    def __init__(self, city, day, **kwargs):
        super().__init__(**kwargs)
        self.city = city
        self.day = day

    def execute(self, context):
        return f"{self.city} on {self.day}: rain"
