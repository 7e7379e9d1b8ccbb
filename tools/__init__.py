"""Programs that only this repository uses."""
