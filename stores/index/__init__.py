"""Derived indexes over the truth: postings, vectors, fusion, and the snapshot that a step reads."""
