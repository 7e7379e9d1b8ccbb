"""The services as processes, from Python packages, for machines without a Docker engine."""
