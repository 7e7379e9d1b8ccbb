"""Programs that run inside Airflow's interpreter: standard library and Airflow only, Python 3.9 syntax.

The harness starts them by path (`PYTHON PATH/inside PROGRAM ARGUMENT...`, see __main__.py), so that interpreter needs
no installed harness and meets none of its dependencies.
"""
