"""`pitboard logout`."""

EXAMPLE = "Example: pitboard logout"


def logout() -> None:
    """Delete the stored credentials and the tokens."""
    from rich.console import Console

    from pitboard.local.logout import logout as run
    from pitboard.settings import Settings

    run(Settings.read(), Console())
