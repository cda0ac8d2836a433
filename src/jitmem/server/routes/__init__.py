"""The routes of the REST interface, by what they are about; each is a verb of `Memory`."""
