"""The services: what DAGs talk to, each started, ready, reset and asked for its logs."""
