"""Export and import: the export format, and importers for other memories. See docs/moving.md."""
