"""Asking a chat model: prompt, structured output, reading of replies, retries, usage, redaction."""
