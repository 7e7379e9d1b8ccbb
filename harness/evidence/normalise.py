"""Replace the parts of a text that differ in every run, to compare two runs."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

TIMES = (
    re.compile(
        r"(?:datetime\.datetime|DateTime)"
        r"\((?P<year>\d{4}), (?P<month>\d+), (?P<day>\d+)[\d, ]*(?:, \w+=\w+\([^)]*\))?\)"
    ),
    re.compile(r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"),
)
EPOCH = re.compile(r"(?<![\d.])\d{10}(?![\d.])")
"""Seconds since 1970, as Airflow's providers append them to a name that is taken."""
NEAR = dt.timedelta(days=2)
"""How far from today a time is data, such as the interval of a run."""
CHANGING = (
    # A value that is not set, which Airflow 3 writes as this word.
    (re.compile(r"<[\w.]+\.ArgNotSet object at 0x[0-9a-f]+>"), "NOTSET"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "UUID"),
    # Of a request to MinIO and of its address, in errors. Other long hexadecimal texts stay: most are digests of data.
    (re.compile(r"(?<=request_id: )[0-9A-F]{16}\b|(?<=<RequestId>)[0-9A-F]{16}\b"), "ID"),
    (re.compile(r"(?<=host_id: )[0-9a-f]{64}\b|(?<=<HostId>)[0-9a-f]{64}\b"), "ID"),
    (re.compile(r"\b0x[0-9a-f]+\b"), "ADDRESS"),
    (re.compile(r"(?<=127\.0\.0\.1:)\d+\b|(?<=127\.0\.0\.1%3A)\d+\b"), "PORT"),
    (re.compile(r"\bscratch_\d+_[0-9a-f]{12}\b"), "DATABASE"),  # the metadata database of a run
    (re.compile(r"/[^\s'\":]*/pytest-of-[^/\s]+/pytest-\d+(/popen-gw\d+)?"), "PYTEST"),
    # The home of all runs in a warm host.
    (re.compile(r"/[^\s'\":]*/airflow-scenario-harness(-\d+)?/[0-9a-f]{12}/hosts/[^/\s'\"]+/home\b"), "HOME"),
    (re.compile(r"(?<=/)tmp[a-z0-9_]{8}(?![a-z0-9_])"), "TEMPORARY"),
    (re.compile(r"(?<=:secret:)([\w/+=.@-]+)-\w{6}\b"), r"\1-ID"),  # the ARN of a secret in AWS
    (re.compile(r"(?<=/algo-\d-)\d{10}$"), "TIME"),  # a stream of logs of a training job
)
SET = re.compile(r"(?<=\{)<[^{}<>]+>(?:, <[^{}<>]+>)+(?=\})")
"""A set of objects, as Python prints it: in another order in every process."""
AWS_ANSWER = ("ResponseMetadata", "TrainingTimeInSeconds", "BillableTimeInSeconds")
"""Keys of AWS's answers with request ids and durations."""


def normalise(text: str, names: Mapping[str, str] | None = None) -> str:
    """Replace times, ids, addresses and ports by words, and the texts in `names` by theirs."""
    return Normaliser(names or {})(text)


@dataclass(frozen=True)
class Normaliser:
    """The rules of this file, with `names` before them and a project's `rules` behind them.

    `today` is the date near which times are replaced, because other times are data; None: all times are replaced.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    rules: Sequence[tuple[re.Pattern[str], str]] = ()
    today: dt.date | None = None
    show: Callable[[str], str] = str
    """Masks secrets before any rule, which could change a part of a secret."""

    def __call__(self, text: str) -> str:
        """Return the text with all rules applied."""
        text = self.show(text)
        for name, word in self.names.items():
            if name in text:  # not within a longer word: `/app` is no part of `s3://bucket/app`
                text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", word, text)
        for pattern in TIMES:
            text = pattern.sub(self._replace_time, text)
        if self.today is not None:
            text = EPOCH.sub(self._replace_epoch, text)
        for pattern, word in (*CHANGING, *self.rules):
            text = pattern.sub(word, text)
        return SET.sub(lambda found: ", ".join(sorted(re.findall(r"<[^<>]+>", found[0]))), text)

    def value(self, value: Any) -> Any:
        """Return a JSON value with the rules applied to its texts, and without AWS_ANSWER."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, list | tuple):
            return [self.value(part) for part in value]
        if isinstance(value, Mapping):
            return self.names_and_values({name: part for name, part in value.items() if name not in AWS_ANSWER})
        if isinstance(value, float) and not math.isfinite(value):
            return json.dumps(value)  # JSON has no such number, so it is the text "NaN", "Infinity" or "-Infinity"
        return value

    def names_and_values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Apply the rules to names too. A name that occurs again gets a number."""
        done: dict[str, Any] = {}
        for name, part in values.items():
            word = self(name)
            number = 1
            while word in done:
                number += 1
                word = f"{self(name)} ({number})"
            done[word] = self.value(part)
        return done

    def _replace_time(self, found: re.Match[str]) -> str:
        if self.today is None:
            return "TIME"
        try:
            date = dt.date(int(found["year"]), int(found["month"]), int(found["day"]))
        except ValueError:
            return found[0]
        return "TIME" if abs(date - self.today) <= NEAR else found[0]

    def _replace_epoch(self, found: re.Match[str]) -> str:
        date = dt.datetime.fromtimestamp(int(found[0]), dt.UTC).date()
        return "TIME" if self.today and abs(date - self.today) <= NEAR else found[0]
