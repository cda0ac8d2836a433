"""One file a step: what is asked, what must be answered, what changes."""
