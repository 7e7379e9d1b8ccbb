"""Text in the logs of every Airflow line."""

from __future__ import annotations

import re


def log_has(log: str, text: str) -> bool:
    """Return whether the log contains the text, without regard to colours and white space.

    Airflow 3.0 colours the tracebacks of `dags test` and breaks their lines after 100 columns.
    """
    plain = re.sub(r"\x1b\[[\d;]*m", "", log)
    return "".join(text.split()) in "".join(plain.split())
