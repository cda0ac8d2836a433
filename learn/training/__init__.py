"""Weights that improve by rewards, with TRL."""
