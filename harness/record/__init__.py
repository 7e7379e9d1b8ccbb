"""The evidence that `--harness-evidence DIR` and `harness run --json` write."""
