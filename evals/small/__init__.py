"""A small data set and the regression gate over it: `python -m jitmem.evals.small`, `make eval-small`."""
