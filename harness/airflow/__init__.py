"""Run Airflow as its users do. The only service used here is the metadata database."""
