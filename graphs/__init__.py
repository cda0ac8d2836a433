"""The wiring: which step follows which. No logic, no prompts."""
