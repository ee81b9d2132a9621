"""``python -m ccserver``."""

from ccserver.cli import main

main()
