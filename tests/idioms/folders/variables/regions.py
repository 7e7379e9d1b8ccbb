"""Variables decide, while the file loads, which tasks the DAG has."""

from datetime import datetime

from airflow import DAG
from airflow.models import Variable
from airflow.operators.bash import BashOperator

CONFIG = Variable.get("regions_config", default_var={"regions": ["north"], "retries": 0}, deserialize_json=True)
SCHEDULE = Variable.get("regions_schedule", "@daily")

with DAG(
    "regions",
    start_date=datetime(2021, 1, 1),
    schedule=SCHEDULE,
    catchup=False,
    default_args={"retries": CONFIG["retries"]},
) as dag:
    previous = None
    for region in CONFIG["regions"]:
        load = BashOperator(
            task_id=f"load_{region}",
            bash_command=f"echo {region} {{{{ ds_nodash }}}} {{{{ var.value.regions_unit }}}}",
        )
        if previous:
            previous >> load
        previous = load
