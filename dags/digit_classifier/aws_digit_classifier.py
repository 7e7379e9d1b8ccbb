"""Copy and extract the digits, train k-means with SageMaker, and deploy the model."""

from datetime import datetime, timezone

from airflow import DAG
from airflow.providers.amazon.aws.operators.s3 import S3CopyObjectOperator
from airflow.providers.amazon.aws.operators.sagemaker import SageMakerEndpointOperator, SageMakerTrainingOperator
from airflow.providers.standard.operators.python import PythonOperator

from digit_classifier import settings
from digit_classifier.extract import extract_mnist_data

AWS_CONN_ID = "aws_conn"

# The operator renames a job whose name is taken. So the model and its configuration have the name of the job that ran
# and point to that job's artefact: a second training never deploys the older model. A deployment that is cleared
# without its training fails, because its model exists.
JOB = "mnistclassifier-{{ logical_date.strftime('%Y-%m-%d-%H-%M-%S') }}"
TRAINED = "(ti.xcom_pull(task_ids='sagemaker_train_model') or {})['Training']"
TRAINED_JOB = f"{{{{ {TRAINED}['TrainingJobName'] }}}}"
ARTEFACT = f"{{{{ {TRAINED}['ModelArtifacts']['S3ModelArtifacts'] }}}}"
MODEL_NAME = settings.MODEL_NAME or TRAINED_JOB

with DAG(
    dag_id="aws_handwritten_digit_classifier", schedule=None, start_date=datetime(2021, 1, 1, tzinfo=timezone.utc)
):
    copy_mnist_data = S3CopyObjectOperator(
        task_id="copy_mnist_data",
        source_bucket_name=settings.SOURCE_BUCKET,
        source_bucket_key=settings.SOURCE_KEY,
        dest_bucket_name=settings.BUCKET,
        dest_bucket_key="mnist.pkl.gz",
        aws_conn_id=AWS_CONN_ID,
    )
    extract = PythonOperator(
        task_id="extract_mnist_data",
        python_callable=extract_mnist_data,
        op_kwargs={"aws_conn_id": AWS_CONN_ID, "bucket": settings.BUCKET},
    )
    sagemaker_train_model = SageMakerTrainingOperator(
        task_id="sagemaker_train_model",
        config={
            "TrainingJobName": JOB,
            "AlgorithmSpecification": {"TrainingImage": settings.TRAINING_IMAGE, "TrainingInputMode": "File"},
            "HyperParameters": {"k": "10", "feature_dim": "784"},
            "InputDataConfig": [
                {
                    "ChannelName": "train",
                    "DataSource": {
                        "S3DataSource": {
                            "S3DataType": "S3Prefix",
                            "S3Uri": f"s3://{settings.BUCKET}/mnist_data",
                            "S3DataDistributionType": "FullyReplicated",
                        }
                    },
                }
            ],
            "OutputDataConfig": {"S3OutputPath": f"s3://{settings.BUCKET}/mnistclassifier-output"},
            "ResourceConfig": {"InstanceType": "ml.c4.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10},
            "RoleArn": settings.ROLE_ARN,
            "StoppingCondition": {"MaxRuntimeInSeconds": 24 * 60 * 60},
        },
        wait_for_completion=True,
        print_log=True,
        check_interval=settings.CHECK_INTERVAL,
        aws_conn_id=AWS_CONN_ID,
    )
    sagemaker_deploy_model = SageMakerEndpointOperator(
        task_id="sagemaker_deploy_model",
        operation=settings.DEPLOY_OPERATION,
        config={
            "Model": {
                "ModelName": MODEL_NAME,
                "PrimaryContainer": {"Image": settings.TRAINING_IMAGE, "ModelDataUrl": ARTEFACT},
                "ExecutionRoleArn": settings.ROLE_ARN,
            },
            "EndpointConfig": {
                "EndpointConfigName": TRAINED_JOB,
                "ProductionVariants": [
                    {
                        "InitialInstanceCount": 1,
                        "InstanceType": "ml.t2.medium",
                        "ModelName": settings.VARIANT_MODEL_NAME or MODEL_NAME,
                        "VariantName": "AllTraffic",
                    }
                ],
            },
            "Endpoint": {"EndpointConfigName": TRAINED_JOB, "EndpointName": settings.ENDPOINT},
        },
        wait_for_completion=True,
        check_interval=settings.CHECK_INTERVAL,
        aws_conn_id=AWS_CONN_ID,
    )
    copy_mnist_data >> extract >> sagemaker_train_model >> sagemaker_deploy_model
