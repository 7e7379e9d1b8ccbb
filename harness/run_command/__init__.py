"""Run one function in a pytest session, so that a command can use the project's fixtures without a test."""
