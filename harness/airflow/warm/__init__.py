"""The warm host: a process in which Airflow has started, forked for every run.

`rehearsal` brings one process to the point at which a fresh `airflow dags test` begins its own work, `host` forks it
for each order that comes over its socket, `fork` makes the fork like a fresh process, `learning` adds what earlier runs
have imported, and `client` starts hosts and gives them orders. Everything here but `client` and `key` runs in the host:
standard library only, and whichever Airflow is installed.
"""
