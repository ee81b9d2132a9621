"""``python -m loadtest.bench``: all that has a goal, measured in one run, and its history."""
