"""Readers of chat exports, logs, transcripts, mail and notes: one module a form, listed in `reader_table`."""
