"""The live auditor: a process that looks again and again whether the journal can be true."""
