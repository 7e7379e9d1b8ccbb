"""Airflow, run as its users run it. Knows nothing of S3 or of any other service but the metadata database's."""
