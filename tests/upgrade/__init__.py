"""The upgrade check."""
