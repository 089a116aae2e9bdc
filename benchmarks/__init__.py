"""Benchmarks: `python -m benchmarks`. Every figure comes from fresh processes, with a peer's beside it."""
