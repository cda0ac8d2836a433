"""For other people's agents: the memory in the forms that they already know."""
