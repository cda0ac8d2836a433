"""Answers without a model: what words, names, dates and coverage can tell. One file a step."""
