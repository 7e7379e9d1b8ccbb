"""Convert mnist.pkl.gz to the input format of SageMaker's k-means, both in S3."""

import tempfile

from airflow.providers.amazon.aws.hooks.s3 import S3Hook


def extract_mnist_data(aws_conn_id, bucket):
    """Convert the training digits of the bucket's `mnist.pkl.gz` to `mnist_data`.

    The data goes through temporary files, not through memory.
    """
    # Imported here so that parsing the DAG doesn't import numpy.
    from digit_classifier.pickled import load
    from digit_classifier.recordio import write_records

    hook = S3Hook(aws_conn_id=aws_conn_id)
    with tempfile.TemporaryFile() as packed, tempfile.TemporaryFile() as records:
        hook.get_key("mnist.pkl.gz", bucket_name=bucket).download_fileobj(packed)
        packed.seek(0)
        (array, labels), _, _ = load(packed)
        write_records(records, array, labels)
        records.seek(0)
        hook.load_file_obj(records, key="mnist_data", bucket_name=bucket, replace=True)
