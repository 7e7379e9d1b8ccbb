"""A draft, which .airflowignore hides: this airflow dag does not load."""

raise NotImplementedError("not now")
