"""Forget for good: what goes, and that its bytes are gone."""
