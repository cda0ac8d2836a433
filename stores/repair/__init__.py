"""Examine a memory, mend it, and save what can be read of a damaged one."""
