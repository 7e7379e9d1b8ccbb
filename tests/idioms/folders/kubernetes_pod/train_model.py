"""A pod of Kubernetes, with imports of several ages."""

from datetime import datetime

from airflow import DAG
from airflow.kubernetes.secret import Secret
from airflow.providers.cncf.kubernetes.operators.kubernetes_pod import KubernetesPodOperator
from kubernetes.client import models as k8s

TOKEN = Secret(deploy_type="env", deploy_target="TOKEN", secret="training", key="token")

with DAG("train_model", start_date=datetime(2021, 6, 1), schedule="@weekly", catchup=False) as dag:
    KubernetesPodOperator(
        task_id="train",
        name="train",
        namespace="training",
        image="training/model:3",
        arguments=["--until", "{{ next_ds }}"],
        secrets=[TOKEN],
        container_resources=k8s.V1ResourceRequirements(limits={"memory": "2Gi"}),
    )
