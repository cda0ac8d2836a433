"""Delete for good: select, delete, erase the bytes, and report it in a receipt."""
