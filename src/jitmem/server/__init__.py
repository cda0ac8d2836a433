"""REST over a memory, and the inspector, a page in the browser: `jitmem serve`, `jitmem ui`."""
