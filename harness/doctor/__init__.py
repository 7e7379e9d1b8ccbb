"""Whether this machine can run scenarios: what was looked at, what was found, and what to do."""
