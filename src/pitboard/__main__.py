"""`python -m pitboard` is `pitboard`."""

from pitboard.cli import main

main()
