"""The speed benchmarks: `python -m benchmarks` measures every row of the speed table."""
