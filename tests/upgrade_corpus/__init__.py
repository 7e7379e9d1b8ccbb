"""A corpus of real breaks between versions, and how many of them `harness compare` catches.

`python -m tests.upgrade_corpus` runs it and prints a table; `make corpus` calls that.

A case is a folder `cases/PAIR/CASE`. Its files except `case.toml` and `test_case.py` are copied to `dags/CASE` of a
temporary project, which holds all cases of the pair, so DAG ids differ within a pair. The project's scenarios run on
the pair's baseline, on its candidate, and on its baseline again; then the three are compared.

`pairs.toml` has a table for each pair:

    [airflow-3.2-fastapi]
    baseline = ["airflow==3.2.2", "fastapi==0.136.3"]   # targets, as of `harness upgrade --to`
    candidate = ["airflow==3.2.2", "fastapi==0.137.1"]
    python = "3.12"                                      # of both sides; optional if both name theirs as a target
    baseline_environment = "3.2"                         # optional: a line whose environment serves as it is
    candidate_environment = "3.2"
    embedded = false                                     # optional: needs the services in containers
    sample = ["cron_interval"]                           # optional: the cases that CI runs

`case.toml`:

    title = "A cron string makes a trigger timetable without an interval"
    source = "https://github.com/apache/airflow/issues/50172"
    dag_id = "cron_interval"
    date = "2024-03-05"
    reproduced = "What `airflow dags test` did in both environments, without the harness"

    [expect]
    verdict = "changed"                     # as harness.compare.verdicts has it, or "no difference"
    service = "airflow"
    field = "interval.*"                    # a glob that the whole path of the difference's field must match
    task = "load"                           # optional
    message = ["2024-03-04"]                # optional: words of message, before, after or detail lines

    why_missed = "The field is unstable"    # optional: above [expect], why the comparison misses the case
    conf = { rows = 3 }                     # optional: above [expect], given to the run
    environment = { REGION = "eu" }         # optional: likewise

    [project]                               # optional: tables of [tool.harness] that the case needs
    buckets = ["cron-interval"]

A case is caught if any difference that is neither `unstable` nor `warning` concerns it, and named rightly if one of its
differences has the verdict, service and field that the case expects. A case that expects the verdict `warning` is
caught by a warning. A case that expects "no difference" is named rightly if it is not caught. A missed case without
`why_missed` fails the corpus. A case whose break shows in the dags folder alone says `scenario = false` and has no run.
A difference of the dags folder belongs to the case whose name its field contains, so all DAG ids and files of a case
begin with its name.

`test_case.py` replaces the default scenario: `world.run(dag_id, date)`, which passes too if the run fails, so that the
comparison must find the failure in the run's evidence.
"""
