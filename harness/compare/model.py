"""A comparison of two sides as plain data.

Every output shows this data: text, Markdown, JUnit, JSON and the page.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from harness.compare.verdicts import Path, Verdict
from harness.evidence.document import Versions

SCHEMA_VERSION: Final = 1
Service = Literal["airflow", "minio", "postgres", "aws", "relay", "dags folder"]
FOLDER: Final = "dags folder"
"""The `scenario` of a difference in the dags folder, which belongs to no scenario."""
METADATA, MIGRATION = "metadata database", "Metadata database of the baseline, moved to the candidate"
"""The `scenario` of what a migration broke, and the title of its section, which has rows if the migration succeeded."""


class Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Section(Data):
    """A table that a caller adds before the differences, such as a forecast."""

    title: str
    note: str = ""
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


class Difference(Data):
    """A difference between the sides in one field.

    `run` is `DAG DATE`, empty outside a run. `path`: the parts of `field`, because a part can have dots. `before` and
    `after` are the values, large ones cut to a text; `absent` is the side that has no value. `detail` has examples,
    where a change concentrates, and what follows from a failed task. `fails`: an exit code of 1, unless the difference
    is accepted. `filtered`: the field can be unstable. `accepted` is the reason in accepted.toml. Differences with
    equal `alike`, or with equal scenario, run and `above`, can be shown together.
    """

    scenario: str
    run: str = ""
    service: Service
    task: str | None = None
    path: Path = ()
    field: str
    verdict: Verdict
    fails: bool
    filtered: bool = False
    before: Any = None
    after: Any = None
    absent: Literal["baseline", "candidate"] | None = None
    message: str
    detail: tuple[str, ...] = ()
    accepted: str | None = None
    alike: str = ""
    above: str = ""


class UpgradeDocument(Data):
    """The findings of `harness upgrade` that are not in the evidence.

    The document is kept in the candidate's folder of evidence. `sections`: the sides, the forecast and the migration of
    the metadata database. `differences`: what the migration broke or changed.
    """

    schema_version: Literal[4] = 4
    kind: Literal["upgrade"] = "upgrade"
    sections: tuple[Section, ...] = ()
    differences: tuple[Difference, ...] = ()


class SideSummary(Data):
    """A side: its folder or archive, versions, number of scenarios and of shards."""

    label: str
    versions: Versions
    scenarios: int
    shards: int = 1


class NotExercised(Data):
    """Tasks that no scenario ran on both sides; all tasks of the DAG if `whole`."""

    dag_id: str
    tasks: tuple[str, ...] = ()
    whole: bool = False


class Comparison(Data):
    """The candidate compared with the baseline.

    `problems`: entries of accepted.toml that expired or match nothing. `notes`: what is shown and not judged.
    `not_exercised` is None if that is not known. `limits`: what `airflow dags test` can't show. `not_comparable`: why
    there is no comparison.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    kind: Literal["comparison"] = "comparison"
    baseline: SideSummary
    candidate: SideSummary
    scenarios: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    differences: tuple[Difference, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    not_exercised: tuple[NotExercised, ...] | None = ()
    limits: tuple[str, ...] = Field(default=())
    not_comparable: str | None = None

    def count(self, verdict: Verdict) -> int:
        """Count the differences that are not accepted."""
        return sum(one.verdict == verdict and one.accepted is None for one in self.differences)
