"""The server among programs that others wrote: real processes, real sockets, real time."""
