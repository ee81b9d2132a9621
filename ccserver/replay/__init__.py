"""A run of the server again: the same core, fed with what came from outside then."""
