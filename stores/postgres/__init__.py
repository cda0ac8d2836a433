"""The truth in a schema of a PostgreSQL database: connections, dialect, schema, vectors; loaded for such memories only."""
