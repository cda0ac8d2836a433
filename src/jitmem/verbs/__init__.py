"""What a memory does, a room for each kind of verb; `Memory` is all of them."""
