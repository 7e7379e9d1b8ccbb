"""Evidence: the objects, AWS state, sidecars and warnings of a run, as plain data."""
