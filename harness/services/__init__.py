"""The services that DAGs use: start, attach, reset and logs."""
