"""Programs for Airflow's interpreter: standard library and Airflow, Python 3.9 syntax.

The exceptions are pluggy, by which Airflow calls policies, and coverage, if the tests measure it.

The harness starts these programs by path (`PYTHON PATH/inside PROGRAM ARGUMENT...`, see __main__.py), so Airflow's
environment needs neither the harness nor its dependencies.
"""
