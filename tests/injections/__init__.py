"""Pages that try to be more than data, and a model that obeys whatever stands outside of a fence."""
