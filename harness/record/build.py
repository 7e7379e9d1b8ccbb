"""Build the document of a run."""

from __future__ import annotations

import datetime as dt
import json
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from typing import Any

from harness.evidence.contents import describe_object
from harness.evidence.document import (
    AwsCall,
    AwsDocument,
    CappedWaitDocument,
    Document,
    Interval,
    ObjectDocument,
    RunDocument,
    SidecarDocument,
    TableDocument,
    TaskDocument,
    WarningDocument,
)
from harness.evidence.normalise import Normaliser
from harness.evidence.objects import GatheredObject, StoredObject
from harness.evidence.tables import TableRows
from harness.evidence.task_log import find_exception, newest_attempts
from harness.run import Run, json_value
from harness.shown_text import show_values

Text = Callable[[str], str]
SKIPPED = "skipmixin_key"
"""The XCom in which Airflow keeps what a branch skipped or followed: a list that it makes from a set."""
LONGEST_EXCEPTION = 1000
"""Characters of a task's exception that are kept."""
SAGEMAKER = ("training_jobs", "models", "endpoint_configs", "endpoints")


class RecordedRun(Document):
    """A run's document, and what it lacks."""

    run: RunDocument
    incomplete: tuple[str, ...] = ()


def build_refused(run: Run, show: Text) -> RunDocument:
    """Return the document of a run that was refused or interrupted."""
    return RunDocument(dag_id=run.dag_id, date=run.date, refused=show(run.refused or ""))


def build_run(
    run: Run,
    objects: Mapping[str, Mapping[str, GatheredObject]],
    aws_state: Mapping[str, Any],
    warnings: tuple[WarningDocument, ...],
    normalise: Normaliser,
    show: Text,
    hide: Text,
) -> RecordedRun:
    """Return the document of a completed run.

    `aws_state` is the AWS mock's whole state. `show` makes a text fit to show; `hide` masks secrets and changes nothing
    else, for contents of objects.
    """
    aws_objects = _describe_aws_objects(aws_state, hide)
    incomplete = [
        one.incomplete
        for buckets in (objects, aws_objects)
        for _, keys in sorted(buckets.items())
        for _, one in sorted(keys.items())
        if one.incomplete
    ]
    evidence = run.evidence
    incomplete += [
        f"watched table {name}: {reason}"
        for name, table in sorted(evidence.tables.items())
        for reason in _missing(table)
    ]
    exceptions = dict(_list_exceptions(run, normalise))
    plain = RunDocument(
        dag_id=run.dag_id,
        date=run.date,
        state=run.state,
        exit_code=run.exit_code,
        failure=run.failure and normalise(run.failure),
        run_type=run.run_type,
        interval=_format_interval(run) if run.state is not None else None,
        tasks={
            name: TaskDocument(
                state=task.state,
                tries=task.tries,
                operator=task.operator,
                rendered=normalise.value(json_value(task.rendered)),
                exception=exceptions.get(name),
            )
            for name, task in sorted(run.tasks.items())
        },
        order=_order_tasks(run),
        xcoms=_nest_xcoms(run, normalise),
        aws=AwsDocument(
            resources=_list_resources(aws_state, normalise),
            logs=normalise.value(aws_state["logs"]),
            calls=_list_calls(aws_state, normalise),
        ),
        tables={name: TableDocument.model_validate(vars(table)) for name, table in evidence.tables.items()},
        sidecars=tuple(
            SidecarDocument(image=each.image, exit_code=each.exit_code, output=normalise(each.output))
            for each in evidence.sidecars
        ),
        warnings=warnings,
        containers_past_relay=tuple(f"{each.image} {each.name}" for each in evidence.containers_past_relay),
        capped_waits=tuple(
            CappedWaitDocument(task=wait.task_id, argument=wait.argument, declared=wait.declared, used=wait.used)
            for wait in evidence.capped_waits
        ),
    )
    masked = _mask(plain, show)
    document = masked.model_copy(
        update={
            "objects": _list_documents(objects, show),
            "aws": masked.aws.model_copy(update={"objects": _list_documents(aws_objects, show)}),
        }
    )
    return RecordedRun(run=document, incomplete=tuple(map(show, incomplete)))


def _missing(table: TableRows) -> Iterator[str]:
    """Yield why rows of a watched table are not compared."""
    if table.unreadable is not None:
        yield table.unreadable
    elif table.truncated and table.rest_digest is None:
        yield f"the rows beyond the first {len(table.rows)} of {table.total} can't be read in a minute"


def _mask(document: RunDocument, show: Text) -> RunDocument:
    """Apply `show` to all texts of the document.

    One call for all of them finds that most documents need no change.
    """
    values = document.model_dump(mode="json")
    texts = "\n".join(_list_texts(values))
    return document if show(texts) == texts else RunDocument.model_validate(show_values(values, show))


def _list_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield name
            yield from _list_texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _list_texts(part)


def _format_interval(run: Run) -> Interval:
    start, end = run.data_interval
    return Interval(logical_date=format_moment(run.logical_date), start=format_moment(start), end=format_moment(end))


def format_moment(moment: dt.datetime | None) -> str | None:
    """Return an ISO text in UTC."""
    return moment.astimezone(dt.UTC).isoformat() if moment else None


def _order_tasks(run: Run) -> tuple[str, ...]:
    started = [(task.start, name) for name, task in run.tasks.items() if task.start]
    return tuple(name for _, name in sorted(started))


def _list_exceptions(run: Run, normalise: Normaliser) -> Iterator[tuple[str, str]]:
    """Yield each failed task and its exception, if the log has it."""
    failed = [name for name, task in run.tasks.items() if task.state == "failed"]
    attempts = newest_attempts(run.log) if failed else {}
    for name in failed:
        exception = normalise(find_exception(attempts.get(name, ())) or "")
        if exception:
            yield name, exception if len(exception) <= LONGEST_EXCEPTION else f"{exception[:LONGEST_EXCEPTION]}..."


def _nest_xcoms(run: Run, normalise: Normaliser) -> dict[str, dict[str, Any]]:
    nested: dict[str, dict[str, Any]] = {}
    for (task_id, key), value in sorted(run.xcoms.items()):
        json_of = json_value(value)
        if key == SKIPPED and isinstance(json_of, dict):
            json_of = {name: sorted(ids) if isinstance(ids, list) else ids for name, ids in json_of.items()}
        nested.setdefault(task_id, {})[key] = normalise.value(json_of)
    return nested


def _list_resources(state: Mapping[str, Any], normalise: Normaliser) -> dict[str, dict[str, Any]]:
    own = {f"sagemaker/{kind}": state["sagemaker"][kind] for kind in SAGEMAKER if state["sagemaker"][kind]}
    found = {**own, **state.get("resources", {})}
    return {kind: normalise.names_and_values(resources) for kind, resources in sorted(found.items())}


def _list_calls(state: Mapping[str, Any], normalise: Normaliser) -> tuple[AwsCall, ...]:
    """Return each call once, in a reproducible order.

    The order does not depend on parallel tasks or the number of polls.
    """
    calls = [
        {
            "service": call["service"],
            "action": normalise(call["action"]),
            "status": call["status"],
            "parameters": normalise.value(call.get("parameters")),
            "error": normalise.value(call.get("error")),
        }
        for call in state["calls"]
    ]
    distinct = {json.dumps(call, sort_keys=True): call for call in calls}
    return tuple(
        AwsCall.model_validate(distinct[text])
        for text in sorted(distinct, key=lambda text: _rank(distinct[text], text))
    )


def _rank(call: Mapping[str, Any], text: str) -> tuple[str, str, int, str]:
    return call["service"], call["action"], call["status"], text


def _describe_aws_objects(state: Mapping[str, Any], hide: Text) -> dict[str, dict[str, GatheredObject]]:
    return {bucket: dict(_describe_bucket(bucket, keys, hide)) for bucket, keys in state["objects"].items()}


def _describe_bucket(
    bucket: str, keys: Mapping[str, Mapping[str, Any]], hide: Text
) -> Iterator[tuple[str, GatheredObject]]:
    for key, stored in keys.items():
        content = BytesIO(b64decode(stored["content"])) if "content" in stored else None
        document, incomplete = describe_object(
            stored["size"], stored["sha256"], content, stored["headers"], stored["tags"], key, hide
        )
        plain = StoredObject(stored["size"], stored["sha256"])
        yield key, GatheredObject(plain, document, incomplete and f"AWS object {bucket}/{key}: {incomplete}")


def _list_documents(
    buckets: Mapping[str, Mapping[str, GatheredObject]], show: Text
) -> dict[str, dict[str, ObjectDocument]]:
    return {
        show(bucket): {show(key): one.document for key, one in sorted(keys.items()) if one.document}
        for bucket, keys in sorted(buckets.items())
    }
