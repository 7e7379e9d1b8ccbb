"""TaskFlow with groups, a branch and mapped tasks; the file can be run as a script."""

import pendulum
from airflow.decorators import dag, task, task_group
from airflow.operators.empty import EmptyOperator
from airflow.utils.trigger_rule import TriggerRule


@dag(start_date=pendulum.datetime(2024, 1, 1, tz="Europe/Amsterdam"), schedule=None, catchup=False)
def surveys():
    @task
    def list_surveys():
        return ["spring", "autumn"]

    @task_group
    def score(name):
        @task
        def count(name):
            return len(name)

        @task
        def double(number):
            return 2 * number

        return double(count(name))

    @task.branch
    def choose(scores):
        return "publish" if sum(scores) > 10 else "discard"

    done = EmptyOperator(task_id="done", trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
    (
        choose(score.expand(name=list_surveys()))
        >> [EmptyOperator(task_id="publish"), EmptyOperator(task_id="discard")]
        >> done
    )


dag_object = surveys()

if __name__ == "__main__":
    dag_object.test()
