"""The scenarios of cases run in projects of their own."""

collect_ignore = ["cases"]
