"""The web process: REST and WebSocket for desktops, on the door of the core and nothing else."""
