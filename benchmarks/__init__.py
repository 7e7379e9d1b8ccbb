"""What the speed claims stand on: `python -m benchmarks` measures every row of the speed table side by side."""
