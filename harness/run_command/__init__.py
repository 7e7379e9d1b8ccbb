"""Run one function in a pytest session, with the project's fixtures and without a test."""
