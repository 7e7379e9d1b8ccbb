"""The limits of `airflow dags test`, which end every report.

docs/verdicts.md has the same list.
"""

from __future__ import annotations

from typing import Final

LIMITS: Final = (
    "intervals of scheduled runs: `dags test DATE` uses DATE on both sides, and on Airflow 2 gives a cron DAG the "
    "interval before the one that a scheduler gives; only the schedule projection shows what a scheduler does",
    "whether and when a scheduler starts a run: catchup, paused DAGs, `max_active_runs` and missed runs",
    "pools: a task in a pool that does not exist runs, and never starts when scheduled",
    "access to the metadata database in a task: on Airflow 3 it works here, and fails when scheduled",
    "DAGs triggered by an asset: the asset's event starts no run",
    "runs that TriggerDagRunOperator starts: the child run is not executed, and its interval is not computed",
    "executors, queues, priorities and several tasks at the same time",
    "services in place: data of MinIO and Postgres servers that is older than the scenario",
)
