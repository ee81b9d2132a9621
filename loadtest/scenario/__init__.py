"""What a load test does, as a tester writes it: TOML, with every error's file, line and key."""
