from airflow.models.baseoperator import BaseOperator


class ShoutOperator(BaseOperator):
    template_fields = ("text",)

    def __init__(self, text, **kwargs):
        super().__init__(**kwargs)
        self.text = text

    def execute(self, context):
        return self.text.upper()
