"""Why a DAG file does not load or run on the installed Airflow, with the fix."""
