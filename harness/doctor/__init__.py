"""Checks of whether this machine can run scenarios, each with a finding and a remedy."""
