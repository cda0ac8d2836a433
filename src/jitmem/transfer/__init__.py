"""A memory as a file and back: the export format, and what other memories export. See docs/moving.md."""
