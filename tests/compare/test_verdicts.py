"""Each field and condition has the verdict of the table, and a failure is reported once."""

from __future__ import annotations

from typing import Any

import pytest

from harness.compare.compare import compare_sides
from harness.compare.groups import group_differences
from harness.compare.verdicts import ABSENT, CONDITIONS, RULES, exit_code, find_rule
from harness.evidence.document import (
    AwsCall,
    AwsDocument,
    CappedWaitDocument,
    FolderDocument,
    Interval,
    RunDocument,
    Schedule,
    SidecarDocument,
    TableDocument,
    WarningDocument,
)
from tests.compare.builders import SCENARIO, brief, compare, run, scenario, side, stored, task, versions

JUNE, MAY = "2021-06-01T00:00:00+00:00", "2021-05-01T00:00:00+00:00"
NEXT = (Interval(logical_date=JUNE, start=MAY, end=JUNE),)
Changes = dict[str, Any]


def tasks(**changes: Any) -> Changes:
    return {"tasks": {"load": task(**changes)}}


def call(action: str = "CreateModel", status: int = 200, **changes: Any) -> AwsCall:
    return AwsCall(**{"service": "sagemaker", "action": action, "status": status, **changes})


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {}, []),
        ({"run_type": "manual"}, {"run_type": "scheduled"}, [("changed", "run_type")]),
        ({"exit_code": 0}, {"exit_code": 1}, [("regression", "exit_code")]),
        ({"exit_code": 1}, {"exit_code": 0}, [("fixed", "exit_code")]),
        ({"exit_code": 1}, {"exit_code": 3}, [("changed", "exit_code")]),
        ({"refused": None}, {"refused": "no such DAG"}, [("regression", "refused")]),
        (
            {"interval": Interval(logical_date=JUNE, start=MAY, end=JUNE)},
            {"interval": Interval(logical_date=JUNE, start=JUNE, end=JUNE)},
            [("changed", "interval.start")],
        ),
        (tasks(), tasks(state="skipped"), [("changed", "tasks.load.state")]),
        (tasks(), {"tasks": {}}, [("missing", "tasks.load")]),
        ({"tasks": {}}, tasks(), [("new", "tasks.load")]),
        (tasks(), tasks(tries=2), [("changed", "tasks.load.tries")]),
        (tasks(operator="airflow.operators.bash.BashOperator"), tasks(operator="BashOperator"), []),
        (tasks(operator="BashOperator"), tasks(operator="EmptyOperator"), [("changed", "tasks.load.operator")]),
        (tasks(rendered={"op_args": ["a", 1]}), tasks(rendered={"op_args": "('a', 1)"}), []),
        (tasks(rendered={"op_args": ["1"]}), tasks(rendered={"op_args": "['1']"}), []),
        (tasks(rendered={"op_args": [{"a": None}]}), tasks(rendered={"op_args": "({'a': None},)"}), []),
        (tasks(rendered={"op_args": "{'a', 'b'}"}), tasks(rendered={"op_args": "{'b', 'a'}"}), []),
        (tasks(rendered={"op_args": "{'b', 'a'}"}), tasks(rendered={"op_args": ["a", "b"]}), []),
        (tasks(rendered={"kw": "{'c': {'b', 'a'}}"}), tasks(rendered={"kw": "{'c': {'a', 'b'}}"}), []),
        (tasks(rendered={"kw": "[({'b', 'a'},)]"}), tasks(rendered={"kw": "[({'a', 'b'},)]"}), []),
        (
            tasks(rendered={"kw": "[{'b', 'a'}, 1]"}),
            tasks(rendered={"kw": "[{'a', 'b'}, 2]"}),
            [("changed", "tasks.load.rendered.kw")],
        ),
        (
            tasks(rendered={"kw": "{'c': {'a'}}"}),
            tasks(rendered={"kw": "{'c': ['a']}"}),
            [("changed", "tasks.load.rendered.kw")],
        ),
        (tasks(rendered={"kw": "[1,2]"}), tasks(rendered={"kw": "[1, 2]"}), [("changed", "tasks.load.rendered.kw")]),
        (tasks(rendered={"cmd": "a"}), tasks(rendered={"cmd": '"a"'}), [("changed", "tasks.load.rendered.cmd")]),
        (tasks(rendered={"cmd": "True"}), tasks(rendered={"cmd": "true"}), [("changed", "tasks.load.rendered.cmd")]),
        (tasks(rendered={"cmd": None}), tasks(rendered={"cmd": "None"}), [("changed", "tasks.load.rendered.cmd")]),
        (
            tasks(rendered={"data": '{"a": 1}'}),
            tasks(rendered={"data": "{'a': 1}"}),
            [("changed", "tasks.load.rendered.data")],
        ),
        (
            tasks(rendered={"op_args": [1]}),
            tasks(rendered={"op_args": [True]}),
            [("changed", "tasks.load.rendered.op_args[0]")],
        ),
        (tasks(rendered={"env": None, "sql": "x"}), tasks(rendered={"sql": "x", "cwd": "", "args": "[]"}), []),
        (tasks(rendered={"env": "None", "sql": "x"}), tasks(rendered={"sql": "x", "args": "set()"}), []),
        (tasks(rendered={"sql": "a"}), tasks(rendered={"sql": "b"}), [("changed", "tasks.load.rendered.sql")]),
        (tasks(rendered={}), tasks(rendered={"sql": "b"}), [("new", "tasks.load.rendered.sql")]),
        ({"xcoms": {"t": {"k": 1}}}, {"xcoms": {"t": {"k": 1.0}}}, [("changed", "xcoms.t.k")]),
        ({"xcoms": {"t": {"k": 1}}}, {"xcoms": {"t": {"k": True}}}, [("changed", "xcoms.t.k")]),
        ({"xcoms": {"t": {"k": [1, 2]}}}, {"xcoms": {"t": {"k": "(1, 2)"}}}, [("changed", "xcoms.t.k")]),
        (
            {"xcoms": {"t": {"k": {"a": [1, 2]}}}},
            {"xcoms": {"t": {"k": {"a": [1, 3]}}}},
            [("changed", "xcoms.t.k.a[1]")],
        ),
        ({"xcoms": {"t": {"k": {"a": [1, 2]}}}}, {"xcoms": {"t": {"k": {"a": [1]}}}}, [("changed", "xcoms.t.k.a")]),
        ({"xcoms": {"t": {"k": 1}}}, {}, [("missing", "xcoms.t.k")]),
        ({}, {"xcoms": {"t": {"k": None}}}, [("new", "xcoms.t.k")]),
        ({"objects": {"b": {}}}, {}, [("missing", "objects.b")]),
        ({"objects": {"b": {"x/y.z": stored("1")}}}, {"objects": {"b": {}}}, [("missing", "objects.b.x/y.z")]),
        ({"objects": {"b": {}}}, {"objects": {"b": {"k": stored("1")}}}, [("new", "objects.b.k")]),
        (
            {"objects": {"b": {"k": stored("1", content_type="text/csv")}}},
            {"objects": {"b": {"k": stored("1", content_type="text/plain", tags={"a": "b"})}}},
            [("changed", "objects.b.k.content_type"), ("changed", "objects.b.k.tags.a")],
        ),
        (
            {"tables": {"s.t": TableDocument()}},
            {"tables": {"s.t": TableDocument(unreadable="no")}},
            [("missing", "tables.s.t")],
        ),
        (
            {"aws": AwsDocument(resources={"sagemaker/models": {"m": {"Arn": "a", "Count": 1}}})},
            {"aws": AwsDocument(resources={"sagemaker/models": {"m": {"Arn": "a", "Count": 2}}})},
            [("changed", "aws.resources.sagemaker/models.m.Count")],
        ),
        (
            {"aws": AwsDocument(resources={"sagemaker/models": {"m": {}}})},
            {"aws": AwsDocument()},
            [("missing", "aws.resources.sagemaker/models.m")],
        ),
        (
            {"aws": AwsDocument(calls=(call(parameters={"a": 1}), call("DeleteModel")))},
            {"aws": AwsDocument(calls=(call(parameters={"a": 2}),))},
            [
                ("changed", "aws.calls.sagemaker.CreateModel.parameters.a"),
                ("missing", "aws.calls.sagemaker.DeleteModel"),
            ],
        ),
        (
            {"aws": AwsDocument(calls=(call(parameters={"a": 1}),))},
            {"aws": AwsDocument(calls=(call(parameters={"a": True}),))},
            [("changed", "aws.calls.sagemaker.CreateModel.parameters.a")],
        ),
        (
            {"aws": AwsDocument(logs={"g": {"s": ["a"]}})},
            {"aws": AwsDocument(logs={"g": {"s": ["b"]}})},
            [("changed", "aws.logs.g.s")],
        ),
        (
            {
                "sidecars": (
                    SidecarDocument(image="i", exit_code=0, output="a"),
                    SidecarDocument(image="i", exit_code=0, output="b"),
                )
            },
            {
                "sidecars": (
                    SidecarDocument(image="i", exit_code=0, output="b"),
                    SidecarDocument(image="i", exit_code=1, output="c"),
                )
            },
            [("regression", "sidecars.i.exit_code"), ("changed", "sidecars.i.output")],
        ),
        (
            {"capped_waits": (CappedWaitDocument(task="t", argument="poke_interval", declared=60, used=1),)},
            {"capped_waits": (CappedWaitDocument(task="t", argument="poke_interval", declared=2, used=1),)},
            [("changed", "capped_waits.t.poke_interval.declared")],
        ),
        (
            {"warnings": (WarningDocument(text="a", category="X", file="d.py", line=1),)},
            {"warnings": (WarningDocument(text="a", category="X", file="d.py", line=9), WarningDocument(text="b"))},
            [("warning", "warnings.warning")],
        ),
        (
            {"warnings": (WarningDocument(text="a", category="AirflowProviderDeprecationWarning", file="d.py"),)},
            {"warnings": (WarningDocument(text="a", category="UserWarning", file="d.py"),)},
            [],
        ),
        ({"order": ("a", "b")}, {"order": ("b", "a")}, []),
        ({"containers_past_relay": ("a",)}, {"containers_past_relay": ()}, []),
        (
            {"schedule": Schedule(timetable="CronDataIntervalTimetable", anchor="x", catchup=True, next=NEXT)},
            {"schedule": Schedule(timetable="CronTriggerTimetable", anchor="x", catchup=False, next=NEXT)},
            [("changed", "schedule.timetable"), ("changed", "schedule.catchup")],
        ),
    ],
)
def test_a_difference_in_a_run(before: Changes, after: Changes, expected: list[tuple[str, str]]) -> None:
    assert brief(compare(run(**before), run(**after))) == expected


def test_a_failed_task_is_reported_once_with_what_follows_from_it() -> None:
    before = run(tasks={"extract": task(), "load": task()}, xcoms={"load": {"return_value": 1}})
    failed = {"extract": task("failed", tries=2), "load": task("upstream_failed")}
    after = run(state="failed", exit_code=1, failure="extract: KeyError: 'a'", tasks=failed, order=("extract",))
    sides = side(scenario(before)), side(scenario(after, outcome="failed", failure="the run failed"))

    regression, tries = compare_sides(*sides).differences

    assert (regression.verdict, regression.field, regression.task) == ("regression", "tasks.extract.state", "extract")
    assert regression.message == '"success" -> "failed": extract: KeyError: \'a\''
    assert [line.partition(":")[0] for line in regression.detail] == [
        "outcome", "state", "exit_code", "tasks.load.state", "xcoms.load.return_value",
    ]  # fmt: skip
    assert (tries.verdict, tries.field) == ("changed", "tasks.extract.tries")
    reverse = compare_sides(sides[1], sides[0])
    assert brief(reverse.differences) == [("fixed", "tasks.extract.state"), ("changed", "tasks.extract.tries")]


def test_a_failed_task_shows_its_exception() -> None:
    error = "fastapi.exceptions.FastAPIError: no route\nfor GET"
    failed = run(state="failed", exit_code=1, tasks=tasks(state="failed", exception=error)["tasks"])
    (found,) = compare(run(**tasks()), failed)
    assert found.detail[:2] == ("candidate: FastAPIError: no route", "  for GET")
    (found,) = compare(failed, run(**tasks()))
    assert (found.verdict, found.detail[0]) == ("fixed", "baseline: FastAPIError: no route")


def test_a_template_that_fails_to_render_is_a_failed_task_alone() -> None:
    before = run(tasks={"work": task(rendered={"bash_command": "echo"}), "other": task()})
    after = run(tasks={"work": task("failed"), "other": task(rendered={"sql": "x"})})
    other, failed = sorted(compare(before, after), key=lambda one: one.field)
    assert brief([other, failed]) == [("new", "tasks.other.rendered.sql"), ("regression", "tasks.work.state")]
    assert failed.detail == ('tasks.work.rendered.bash_command: vanishes: "echo"',)
    (fixed,) = [one for one in compare(after, before) if one.task == "work"]
    assert (fixed.verdict, fixed.detail) == ("fixed", ('tasks.work.rendered.bash_command: appears: "echo"',))


def test_tasks_that_fail_for_different_reasons_are_shown_apart() -> None:
    failed = {name: task("failed", exception=f"{name}: E") for name in ("a", "b")}
    found = compare(run(tasks={"a": task(), "b": task()}), run(tasks=failed))
    assert len(group_differences(found)) == 2


def test_an_exception_that_differs_between_two_failed_runs_is_a_change() -> None:
    one, same, other = (
        run(state="failed", exit_code=1, **tasks(state="failed", exception=error))
        for error in ("airflow.exceptions.AirflowException: a", "airflow.sdk.exceptions.AirflowException: a", "E: b")
    )
    assert compare(one, same) == ()
    (found,) = compare(one, other)
    assert (found.verdict, found.field, found.fails) == ("changed", "tasks.load.exception", True)
    assert found.detail == ("baseline: AirflowException: a", "candidate: E: b")
    (found,) = compare(one, other, repeat=other)
    assert (found.verdict, found.fails) == ("unstable", False)
    broken, _ = compare_sides(
        *(side(scenario(each, outcome="failed", failure="the run failed")) for each in (one, other))
    ).differences
    assert (broken.verdict, broken.field) == ("broken on both", "outcome")
    assert broken.detail == (
        "prices 2021-06-01: tasks.load.exception: failed on both sides: AirflowException: a -> E: b",
    )


def test_a_run_that_did_not_take_place_belongs_to_the_failure_before_it() -> None:
    before = scenario(run(), run(date="2021-07-01"))
    after = scenario(run(state="failed", exit_code=1), outcome="failed")
    (found,) = compare_sides(side(before), side(after)).differences
    assert found.field == "state"
    assert 'prices 2021-07-01: run: vanishes: "success"' in found.detail
    (found,) = compare_sides(side(before), side(scenario(run(), outcome="failed", failure="E"))).differences
    assert found.field == "outcome"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {"outcome": "failed", "failure": "assert 1 == 2"}, [("regression", "outcome")]),
        ({"outcome": "failed"}, {}, [("fixed", "outcome")]),
        ({"outcome": "failed", "failure": "a"}, {"outcome": "failed", "failure": "a"}, [("broken on both", "outcome")]),
        ({}, {"outcome": "not run", "reason": "skipped"}, [("missing", "outcome")]),
        ({"outcome": "not run"}, {}, [("new", "outcome")]),
        ({"outcome": "not run"}, {"outcome": "failed", "failure": "boom"}, [("regression", "outcome")]),
        ({"outcome": "failed"}, {"outcome": "not run"}, [("missing", "outcome")]),
        ({"outcome": "not run"}, {"outcome": "not run"}, []),
        ({}, {"incomplete": ("no tables",)}, [("missing", "incomplete")]),
        ({"incomplete": ("no tables",)}, {"incomplete": ("no tables",)}, [("warning", "incomplete")]),
    ],
)  # fmt: skip
def test_a_difference_in_a_scenario(before: Changes, after: Changes, expected: list[tuple[str, str]]) -> None:
    comparison = compare_sides(side(scenario(run(), **before)), side(scenario(run(), **after)))
    assert brief(comparison.differences) == expected


def test_what_is_broken_on_both_sides_still_shows_its_other_differences() -> None:
    before, after = (
        scenario(run(state="failed", exit_code=1, xcoms={"t": {"k": value}}), outcome="failed") for value in (1, 2)
    )
    found = compare_sides(side(before), side(after)).differences
    assert brief(found) == [("broken on both", "outcome"), ("changed", "xcoms.t.k")]


def test_a_scenario_of_one_side() -> None:
    here, there = scenario(run()), scenario(run(), name="scenarios/test_new.py::test_new")
    new = compare_sides(side(here), side(here, there))
    assert brief(new.differences) == [("new", "scenario")]
    assert exit_code(new) == 0
    broken = compare_sides(side(here), side(here, there.model_copy(update={"outcome": "failed", "failure": "E"})))
    assert brief(broken.differences) == [("regression", "scenario")]
    assert broken.differences[0].message == "only the candidate has this scenario (failed: E)"
    assert exit_code(broken) == 1
    assert exit_code(compare_sides(side(here, there), side(here))) == 1
    assert compare_sides(side(here), side(here, there), only_of_baseline=True).differences == ()


def test_a_scenario_without_evidence() -> None:
    lost = side(scenario(run()), without_evidence=("scenarios/test_lost.py::test_lost",))
    (found,) = compare_sides(side(scenario(run())), lost).differences
    assert (found.verdict, found.field, found.fails) == ("missing", "evidence", True)


def test_the_dags_folder() -> None:
    before = FolderDocument(
        schedules={"a": Schedule(timetable="X"), "b": Schedule(timetable="X")},
        tasks={"a": ("t", "u"), "b": ()},
        import_errors={"old.py": "E"},
    )
    after = FolderDocument(
        schedules={"a": Schedule(timetable="Y"), "c": Schedule(timetable="X")},
        tasks={"a": ("t",), "c": ()},
        import_errors={"b.py": "ImportError: no x"},
    )
    comparison = compare_sides(side(scenario(run()), folder=before), side(scenario(run()), folder=after))
    assert brief(comparison.differences) == [
        ("regression", "import_errors.b.py"),
        ("fixed", "import_errors.old.py"),
        ("missing", "dags.a.tasks.u"),
        ("changed", "dags.a.schedule.timetable"),
        ("missing", "dags.b"),
        ("new", "dags.c"),
    ]
    assert {one.service for one in comparison.differences} == {"dags folder"}


def test_an_import_error_is_reported_once() -> None:
    schedule = {name: Schedule(timetable="X") for name in ("prices", "other")}
    works = FolderDocument(schedules=schedule, files={"prices": "a/prices.py", "other": "other.py"})
    error = {"a/prices.py": "ImportError: no x (a/prices.py:1)"}
    broken = FolderDocument(schedules={"other": schedule["other"]}, files={"other": "other.py"}, import_errors=error)
    refusal = RunDocument(dag_id="prices", date="2021-06-01", refused="a/prices.py fails to import")
    other = scenario(run("other"), name="scenarios/test_other.py::test_other")
    before = side(scenario(run(), run(date="2021-07-01")), other, folder=works)
    refused = scenario(refusal, outcome="failed", failure="refused")
    after = side(refused, other, folder=broken)

    comparison = compare_sides(before, after)

    (found,) = comparison.differences
    assert (found.verdict, found.field, found.scenario) == ("regression", "import_errors.a/prices.py", "dags folder")
    assert found.detail == (
        'dags.prices: vanishes: "0 tasks"',
        f"so {SCENARIO} could not run DAG prices",
        'prices 2021-07-01: run: vanishes: "success"',
    )
    assert exit_code(comparison) == 1
    fixed = compare_sides(after, before)
    assert brief(fixed.differences) == [("fixed", "import_errors.a/prices.py")]
    assert exit_code(fixed) == 0
    without = compare_sides(side(scenario(run()), folder=works), side(refused, folder=works))
    assert brief(without.differences) == [("regression", "outcome"), ("regression", "refused")]


def test_a_schedule_that_changes_only_from_the_scenarios_date_on_is_a_change() -> None:
    """A DAG may start after the date of the folder's projection, or end before it."""
    old, new = (Schedule(timetable="X", anchor="2021-06-01", next=runs) for runs in (NEXT, ()))
    same = FolderDocument(schedules={"prices": Schedule(timetable="X", anchor="2026-01-01")})
    sides = [side(scenario(run(schedule=one)), folder=same) for one in (old, new)]
    assert brief(compare_sides(*sides).differences) == [("changed", "schedule.next")]


def test_a_schedule_that_changes_in_the_folder_and_in_a_run_is_shown_once() -> None:
    sides = []
    for timetable, runs in (("X", NEXT), ("Y", ())):
        schedule = Schedule(timetable=timetable, anchor="2021-06-01", next=runs)
        folder = FolderDocument(schedules={"prices": schedule.model_copy(update={"anchor": "2026-01-01"})})
        sides.append(side(scenario(run(schedule=schedule)), folder=folder))
    assert brief(compare_sides(*sides).differences) == [
        ("changed", "dags.prices.schedule.timetable"),
        ("changed", "dags.prices.schedule.next"),
    ]


def test_a_warning_of_the_dags_folder_is_shown_once() -> None:
    mine, theirs = (WarningDocument(text="old", category="W", file=file, line=1) for file in ("a.py", "b.py"))
    before = FolderDocument(schedules={})
    after = FolderDocument(schedules={}, warnings=(mine, theirs))
    warned = run(warnings=(mine,))
    found = compare_sides(side(scenario(run()), folder=before), side(scenario(warned), folder=after)).differences
    assert [(one.scenario, one.service, one.verdict, one.field) for one in found] == [
        ("dags folder", "dags folder", "warning", "warnings.W.b.py"),
        (SCENARIO, "airflow", "warning", "warnings.W.a.py"),
    ]


def test_dags_and_tasks_that_no_scenario_executed() -> None:
    folder = FolderDocument(schedules={}, tasks={"prices": ("a", "b", "c"), "other": ("x",)})
    ran = run(tasks={"a": task(), "b": task("skipped"), "c[0]": task()})
    one = side(scenario(ran), folder=folder)
    found = [(each.dag_id, each.tasks, each.whole) for each in compare_sides(one, one).not_exercised]
    assert found == [("other", (), True), ("prices", ("b",), False)]


def test_what_was_not_exercised_is_unknown_without_a_list_of_dags() -> None:
    one, listed = side(scenario(run())), side(scenario(run()), folder=FolderDocument(schedules={}))
    assert compare_sides(one, one).not_exercised is None
    assert compare_sides(one, listed).not_exercised is None
    assert compare_sides(listed, listed).not_exercised == ()


def test_an_interval_that_a_scheduler_does_not_give_is_named() -> None:
    """Airflow 2 gives `dags test` of a cron DAG the interval before the one of a scheduler."""
    scheduled = Schedule(
        timetable="C", next=(Interval(logical_date=JUNE, start=JUNE, end="2021-07-01T00:00:00+00:00"),)
    )
    before = run(interval=Interval(logical_date=JUNE, start=MAY, end=JUNE), schedule=scheduled)
    after = run(interval=Interval(logical_date=JUNE, start=JUNE, end=JUNE))
    comparison = compare_sides(side(scenario(before)), side(scenario(after)))
    words = "a scheduler gives this date 2021-06-01 .. 2021-07-01, not 2021-05-01 .. 2021-06-01 as `dags test`"
    assert comparison.differences[0].detail == (f"on the baseline, {words}",)
    assert any("`dags test` gave prices" in note for note in comparison.notes)


def test_strict_fails_for_every_difference() -> None:
    warned = run(warnings=(WarningDocument(text="deprecated"),))
    comparison = compare_sides(side(scenario(run())), side(scenario(warned)))
    assert (exit_code(comparison), exit_code(comparison, strict=True)) == (0, 1)
    broken = side(scenario(run(), outcome="failed", failure="a", incomplete=("b",)))
    assert exit_code(compare_sides(broken, broken), strict=True) == 0
    other = side(scenario(run(), outcome="failed", failure="b", incomplete=("b",)))
    assert exit_code(compare_sides(broken, other), strict=True) == 1


def test_every_rule_can_be_reached() -> None:
    """A rule hidden by an earlier one would make the table in the docs wrong."""
    values = {
        "appears": (ABSENT, 1), "vanishes": (1, ABSENT), "is not run any more": ("passed", "not run"),
        "was not run before": ("not run", "passed"), "fails now": ("success", "failed"),
        "failed before": ("failed", "success"), "failed on both": ("failed", "failed"),
        "is 0 no more": (0, 1), "is 0 now": (1, 0), "differs": (2, 3),
    }  # fmt: skip
    assert values.keys() == CONDITIONS.keys()
    for rule in RULES:
        path = tuple(part.replace("*", "below").lower() if part != "*" else "below" for part in rule.field.split("."))
        assert find_rule(path, *values[rule.condition]) is rule


def test_runs_of_the_same_dag_and_date_are_compared_in_order() -> None:
    def twice(first: RunDocument, second: RunDocument) -> tuple[RunDocument, RunDocument]:
        return first, second

    before, after = twice(run(), run(run_type="a")), twice(run(), run(run_type="b"))
    (found,) = compare_sides(side(scenario(*before)), side(scenario(*after))).differences
    assert (found.scenario, found.run) == (SCENARIO, "prices 2021-06-01 (2)")


def test_versions_are_shown_and_not_judged() -> None:
    comparison = compare_sides(side(scenario(run())), side(scenario(run()), versions=versions(airflow="3.3.2")))
    assert comparison.differences == ()
    assert comparison.candidate.versions.airflow == "3.3.2"
