"""Find leftovers: what the harness created and no longer needs.

Each leftover has a function that removes it.
"""
