"""Writers that are killed at random moments, and what is left of them compared with what they had acknowledged."""
