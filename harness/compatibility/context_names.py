"""Names of a run's context that Airflow 3 lacks, in Python and in templates."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from jinja2 import Environment, TemplateError, nodes

PREVIOUS = "it was the logical date of the schedule's previous run: for a daily schedule write"
NEXT = "it was the logical date of the schedule's next run: for a daily schedule write"
GONE = {
    "conf": "use dag_run.conf for the run's conf, or airflow.configuration.conf for Airflow's settings",
    "execution_date": "use logical_date",
    "next_ds": f"{NEXT} macros.ds_add(ds, 1)",
    "next_ds_nodash": f"{NEXT} macros.ds_add(ds, 1) | replace('-', '')",
    "next_execution_date": f"{NEXT} logical_date + macros.timedelta(days=1)",
    "prev_ds": f"{PREVIOUS} macros.ds_add(ds, -1)",
    "prev_ds_nodash": f"{PREVIOUS} macros.ds_add(ds, -1) | replace('-', '')",
    "prev_execution_date": f"{PREVIOUS} logical_date - macros.timedelta(days=1)",
    "prev_execution_date_success": "use prev_data_interval_start_success",
    "tomorrow_ds": "use macros.ds_add(ds, 1)",
    "tomorrow_ds_nodash": "use macros.ds_add(ds, 1) | replace('-', '')",
    "triggering_dataset_events": "use triggering_asset_events",
    "yesterday_ds": "use macros.ds_add(ds, -1)",
    "yesterday_ds_nodash": "use macros.ds_add(ds, -1) | replace('-', '')",
}
"""Name removed from a run's context in Airflow 3 -> what to do. Source: Airflow's guide to upgrading to 3.

Airflow 2 computed prev_* and next_* from the schedule. Airflow 3 names no replacement: data_interval_start and
data_interval_end equal the logical date under a cron schedule, which is a CronTriggerTimetable there.
"""
CONTEXTS = ("context", "ctx")
"""Usual names of the context in a function."""
RECORDS = {"dag_run": "DAG run", "ti": "task instance", "task_instance": "task instance"}
"""Context name -> what it is; neither has an execution_date in Airflow 3."""
JINJA = Environment(extensions=["jinja2.ext.do"])  # noqa: S701 - only parses

Function = ast.FunctionDef | ast.AsyncFunctionDef
Missing = tuple[str, str, int]
"""Reason, advice and line."""


def find_missing_names(tree: ast.AST) -> Iterator[Missing]:
    """Yield each use of a name that Airflow 3 lacks in a run's context."""
    facts = _FileFacts()
    facts.visit(tree)
    facts.contexts.update(
        node.args.kwarg.arg
        for node in ast.walk(tree)
        if isinstance(node, Function) and node.args.kwarg and node.name in facts.callables
    )
    for node in ast.walk(tree):
        if id(node) in facts.ignored:
            continue
        if (key := _read_key(node, facts)) in GONE:
            yield _missing_name(str(key), _line(node))
        if record := _read_record(node, facts):
            yield _missing_date(record, _line(node))
        match node:
            case ast.Constant(value=str(text)):
                yield from _find_in_template(text, node, facts)
            case ast.FunctionDef() | ast.AsyncFunctionDef() if node.name in facts.callables:
                yield from _find_in_parameters(node, facts)


def _line(node: ast.AST) -> int:
    return int(getattr(node, "lineno", 0))


def _missing_name(name: str, line: int) -> Missing:
    return f"Airflow 3 has no {name!r} in a run's context", GONE[name], line


def _missing_date(record: str, line: int) -> Missing:
    return f"Airflow 3 has no 'execution_date' in a {RECORDS[record]}", "use dag_run.logical_date", line


@dataclass
class _FileFacts(ast.NodeVisitor):
    """What the rules need to know of the whole file.

    `contexts` are the variables that hold a context, `callables` the functions that Airflow calls for a task,
    `passed` the names and positions of the arguments that the file itself passes to a function, `own_names` the names
    that the file defines for its templates, and `ignored` the ids of docstrings and of the nodes in an `__init__`.
    """

    contexts: set[str] = field(default_factory=lambda: set(CONTEXTS))
    callables: set[str] = field(default_factory=set)
    passed: dict[str, set[str | int]] = field(default_factory=dict)
    own_names: set[str] = field(default_factory=set)
    ignored: set[int] = field(default_factory=set)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant):
            self.ignored.add(id(node.value))
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        if any(_is_task(each) for each in node.decorator_list):
            self.callables.add(node.name)
        if node.name == "__init__":
            self.ignored.update(map(id, ast.walk(node)))
        self.generic_visit(node)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Assign(self, node: ast.Assign) -> None:
        if _is_context_call(node.value):
            self.contexts.update(each.id for each in node.targets if isinstance(each, ast.Name))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        keywords = {each.arg: each.value for each in node.keywords if each.arg}
        name = _called_name(node.func)
        self.passed.setdefault(name, set()).update(keywords, range(len(node.args)))
        if any(each.arg is None for each in node.keywords) or any(isinstance(each, ast.Starred) for each in node.args):
            self.passed[name].update(GONE)  # an unpacked value may hold any name
        match keywords.get("python_callable"):
            case ast.Name(id=function) | ast.Attribute(attr=function):
                self.callables.add(function)
                passed = self.passed.setdefault(function, set())
                passed.update(_list_keys(keywords.get("op_kwargs")))
                passed.update(range(len(getattr(keywords.get("op_args"), "elts", ()))))
        self.own_names.update(_list_keys(keywords.get("user_defined_macros")))
        if name == "render":  # the file renders a template of its own
            self.own_names.update(keywords)
        self.generic_visit(node)


def _called_name(function: ast.AST) -> str:
    """Return the last name of the called expression.

    The name of `work.expand` and `work.override(...)` is `work`.
    """
    match function:
        case ast.Attribute(attr="expand" | "partial" | "override", value=value):
            return _called_name(value)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=inner):
            return _called_name(inner)
    return ""


def _is_task(decorator: ast.AST) -> bool:
    """Return whether the decorator is @task, @task.KIND, or one of these with arguments."""
    match decorator:
        case ast.Call(func=inner):
            return _is_task(inner)
        case ast.Attribute(value=ast.Name(id="task")) | ast.Name(id="task") | ast.Attribute(attr="task"):
            return True
    return False


def _is_context_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and _called_name(node.func) == "get_current_context"


def _list_keys(node: ast.AST | None) -> set[str]:
    """Return the text keys of a dict display.

    Return all names if another expression may hold any of them.
    """
    if isinstance(node, ast.Dict) and None not in node.keys:
        return {key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
    return set(GONE) if node else set()


def _read_key(node: ast.AST, facts: _FileFacts) -> str | None:
    """Return the key that the node reads from a context, by subscript, get or pop."""
    match node:
        case (
            ast.Subscript(value=source, slice=ast.Constant(value=str(key)))
            | ast.Call(func=ast.Attribute(value=source, attr="get" | "pop"), args=[ast.Constant(value=str(key)), *_])
        ):
            is_context = isinstance(source, ast.Name) and source.id in facts.contexts
            return key if is_context or _is_context_call(source) else None
    return None


def _read_record(node: ast.AST, facts: _FileFacts) -> str | None:
    """Return the context's name of the record whose execution_date the node reads."""
    if not isinstance(node, ast.Attribute) or node.attr != "execution_date":
        return None
    name = node.value.id if isinstance(node.value, ast.Name) else _read_key(node.value, facts)
    return name if name in RECORDS else None


def _find_in_parameters(node: ast.FunctionDef | ast.AsyncFunctionDef, facts: _FileFacts) -> Iterator[Missing]:
    """Find parameters that Airflow 2 fills from the context.

    Airflow fills them because the file passes no value for them.
    """
    passed = facts.passed.get(node.name, set())
    for position, argument in enumerate((*node.args.posonlyargs, *node.args.args)):
        if argument.arg in GONE and not {argument.arg, position} & passed:
            yield _missing_name(argument.arg, argument.lineno)
    for argument in node.args.kwonlyargs:
        if argument.arg in GONE and argument.arg not in passed:
            yield _missing_name(argument.arg, argument.lineno)


def _find_in_template(text: str, constant: ast.Constant, facts: _FileFacts) -> Iterator[Missing]:
    if "{{" not in text and "{%" not in text:
        return
    try:
        template = JINJA.parse(text)
    except TemplateError:
        return
    # A text of one line in the source may have line breaks as \n.
    exact = (constant.end_lineno or constant.lineno) - constant.lineno == text.count("\n")
    variables = list(template.find_all(nodes.Name))
    own = facts.own_names | {each.name for each in variables if each.ctx != "load"}
    for each in variables:
        if each.name in GONE and each.name not in own:
            line = constant.lineno + (each.lineno - 1 if exact else 0)
            yield _missing_name(each.name, line)
    for attribute in template.find_all(nodes.Getattr):
        record = attribute.node.name if isinstance(attribute.node, nodes.Name) else ""
        if attribute.attr == "execution_date" and record in RECORDS and record not in own:
            yield _missing_date(record, constant.lineno + (attribute.lineno - 1 if exact else 0))
