"""Measure the memory on public data sets: loaders, metrics and a command, `python -m jitmem.evals`."""
