"""Why the installed Airflow can't run what a DAG file says: each reason once, with its lines and the modern form."""
