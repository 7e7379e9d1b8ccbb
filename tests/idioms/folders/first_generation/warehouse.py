"""A warehouse load as tutorials of 2019 wrote it."""

from datetime import timedelta

from airflow import DAG
from airflow.contrib.operators.ssh_operator import SSHOperator
from airflow.operators.dummy_operator import DummyOperator
from airflow.operators.http_operator import SimpleHttpOperator
from airflow.operators.postgres_operator import PostgresOperator
from airflow.operators.python_operator import PythonOperator
from airflow.operators.subdag_operator import SubDagOperator
from airflow.utils.dates import days_ago

default_args = {"owner": "warehouse", "depends_on_past": False, "start_date": days_ago(2), "retries": 0}


def load_table(execution_date, table, **kwargs):
    return "%s %s" % (table, execution_date)


def load_dimensions(parent, child):
    dag = DAG("%s.%s" % (parent, child), default_args=default_args, schedule_interval="@daily")
    PythonOperator(
        task_id="users", python_callable=load_table, op_kwargs={"table": "users"}, provide_context=True, dag=dag
    )
    return dag


dag = DAG("warehouse", default_args=default_args, schedule_interval="@daily", dagrun_timeout=timedelta(hours=1))
begin = DummyOperator(task_id="begin", dag=dag)
ask = SimpleHttpOperator(task_id="ask", endpoint="ready", dag=dag)
copy = SSHOperator(task_id="copy", command="copy {{ ds }}", dag=dag)
stage = PostgresOperator(task_id="stage", postgres_conn_id="warehouse", sql="select 1", dag=dag)
dimensions = SubDagOperator(task_id="dimensions", subdag=load_dimensions("warehouse", "dimensions"), dag=dag)
end = DummyOperator(task_id="end", trigger_rule="dummy", dag=dag)
begin >> ask >> copy >> stage >> dimensions >> end
