"""What comes from outside, written down beside the journal: what a replay is fed with."""
