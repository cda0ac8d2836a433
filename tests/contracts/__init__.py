"""What every engine must keep, as classes of tests: subclass one, give it your engine by its fixture, and run."""
