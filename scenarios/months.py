"""Dates of the monthly runs."""

from __future__ import annotations

import datetime as dt


def run_date(day: dt.date) -> str:
    """Return the date of the run that exports `day`: the first of the following month."""
    return (day.replace(day=1) + dt.timedelta(days=32)).replace(day=1).isoformat()
