"""What a run left behind, as plain data."""
