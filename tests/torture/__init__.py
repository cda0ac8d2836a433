"""Writers that are killed at random moments, and what is left of them compared with what they had acknowledged."""

import os

# Chroma works from the first vector on, here and in every child process: it is what can be torn.
os.environ.setdefault("JITMEM_CHROMA_MIN_VECTORS", "0")
