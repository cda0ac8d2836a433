"""Examine a memory, repair what is derived, and salvage what is readable in a damaged one."""
