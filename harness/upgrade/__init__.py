"""Run the same scenarios on two sets of versions, and compare what the DAGs did."""
