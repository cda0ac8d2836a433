"""What `jitmem doctor` looks for, a family a file; nothing here writes."""
