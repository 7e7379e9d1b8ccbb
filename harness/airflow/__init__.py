"""Run Airflow as its users do. The only service that this package uses is the metadata database's server."""
