"""A memory in and out: the export format and its way back, and what other memories export. See docs/moving.md."""
