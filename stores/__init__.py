"""What is kept: records, the truth, and the indexes derived from it. Imports nothing of ours."""
