"""Airflow environments that uv makes: what a version means, and where the result is kept.

commands.py, pip_settings.py, pythons.py and uv.py use only the standard library of Python 3.9 or later, because
tools/environments imports them before anything is installed.
"""
