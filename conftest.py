"""This project as a user of its own harness: what the chapter's DAGs need stands in pyproject.toml."""

pytest_plugins = ["scenarios.listings_option", "scenarios.digits_option"]
