"""From mnist.pkl.gz to what SageMaker's k-means reads, both in S3."""

import tempfile

from airflow.providers.amazon.aws.hooks.s3 import S3Hook


def extract_mnist_data(aws_conn_id, bucket):
    """Writes the training digits of `mnist.pkl.gz` in the bucket to `mnist_data`, through files, not memory."""
    # Imported here: a scheduler that parses a DAG need not load numpy.
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
