"""Measurements, side by side: `python -m bench.NAME`; results stand in docs/benchmarks.md."""
