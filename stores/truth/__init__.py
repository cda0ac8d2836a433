"""The source of truth: one SQLite file with sessions, pages, items, journal and change log."""
