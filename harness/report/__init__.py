"""The report of a test session: built once as plain data (model.py), then rendered in every format."""
