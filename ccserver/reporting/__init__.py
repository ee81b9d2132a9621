"""Reports for whoever asks: what is wanted, read from the journal's file, as rows."""
