"""Why a DAG file does not load or run on the installed Airflow: each reason once, with its lines and the fix."""
