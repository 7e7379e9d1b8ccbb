"""The report of a test session, built as plain data (model.py) and rendered from it."""
