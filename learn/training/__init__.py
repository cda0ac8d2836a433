"""Train weights by rewards, with TRL."""
