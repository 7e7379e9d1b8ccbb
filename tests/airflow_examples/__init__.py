"""Airflow's example DAGs, as scenarios and as material for comparisons.

Left out are examples that need the internet, another service, a virtual environment or a person, and examples that wait
for a run of another DAG.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from harness.airflow.environments import AirflowEnvironment

DATE = "2026-03-02"
PACKAGES = ("airflow/example_dags", "airflow/providers/standard/example_dags")
PLUGINS = ("decreasing_priority_weight_strategy", "workday")
"""Without them `airflow dags test` of Airflow 3 can't serialize two DAGs, and then runs none."""
ON_BOTH_LINES = [
    "example_bash_operator",
    "example_branch_datetime_operator",
    "example_branch_dop_operator_v3",
    "example_branch_labels",
    "example_complex",
    "example_display_name",
    "example_dynamic_task_mapping",
    "example_dynamic_task_mapping_with_no_taskflow_operators",
    "example_nested_branch_dag",
    "example_params_trigger_ui",
    "example_params_ui_tutorial",
    "example_passing_params_via_test_command",
    "example_sensor_decorator",
    "example_setup_teardown",
    "example_setup_teardown_taskflow",
    "example_short_circuit_operator",
    "example_skip_dag",
    "example_task_group",
    "example_task_group_decorator",
    "example_trigger_controller_dag",
    "example_trigger_target_dag",
    "example_weekday_branch_operator",
    "example_workday_timetable",
    "example_xcom",
    "example_xcom_args",
    "example_xcom_args_with_operators",
    "latest_only",
    "latest_only_with_trigger",
    "tutorial",
    "tutorial_dag",
    "tutorial_taskflow_api",
    "tutorial_taskflow_templates",
]
SINCE_AIRFLOW_3 = [
    "asset_consumes_1",
    "asset_produces_1",
    "asset_with_extra_by_yield",
    "example_custom_weight",
    "example_failed_dag",
    "example_simplest_dag",
    "example_task_group_mapping",
    "example_task_mapping_second_order",
]
FAIL_ON = {
    "example_params_ui_tutorial": (2, 3),  # needs values for its params
    "example_passing_params_via_test_command": (2, 3),  # needs the param `foo`
    "example_trigger_controller_dag": (2,),  # `dags test` of Airflow 2 does not add the triggered DAG to the database
    "example_failed_dag": (3,),
}
"""Major versions of Airflow on which an example fails."""
ONLY_IN_AIRFLOW_2 = ["dataset_consumes_1", "dataset_produces_1", "dataset_with_extra_by_yield", "example_sla_dag"]


def copy_examples(airflow: AirflowEnvironment, folder: Path) -> Path:
    """Copy the examples of the Airflow environment to `folder`, a dags folder; return it.

    Its folder `plugins` imports their plugins from Airflow, because the DAGs name the classes by that module.
    """
    plugins: set[str] = set()
    for package in PACKAGES if airflow.major >= 3 else PACKAGES[:1]:
        (source,) = [path for root in airflow.folders if (path := Path(root) / package).is_dir()]
        shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "plugins"))
        if (source / "plugins").is_dir():
            plugins.update(file.stem for file in (source / "plugins").iterdir() if file.stem in PLUGINS)
    (folder / "plugins").mkdir()
    imports = (f"from airflow.example_dags.plugins.{name} import *\n" for name in sorted(plugins))
    (folder / "plugins" / "examples.py").write_text("".join(imports))
    return folder
