"""Compare the evidence of two sides: what changed in what the DAGs did, as plain data."""
