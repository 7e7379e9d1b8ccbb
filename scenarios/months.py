"""Months, as the DAGs count them."""

from __future__ import annotations

import datetime as dt


def run_date(day: dt.date) -> str:
    """The run that exports `day`: the first of the month after it."""
    return (day.replace(day=1) + dt.timedelta(days=32)).replace(day=1).isoformat()
