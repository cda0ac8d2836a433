"""What a model may call: one file a tool or a family of tools."""
