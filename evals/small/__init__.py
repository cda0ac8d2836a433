"""Small data of our own and the gate that it guards: `python -m jitmem.evals.small`, `make eval-small`."""
