"""Scenarios for Airflow pipelines: a world, a real run, the evidence it left."""
