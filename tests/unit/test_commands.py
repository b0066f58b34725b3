"""The command line's options that mirror a setting say what the list of settings says."""

from collections.abc import Iterator
from typing import Any

import typer.main

from pitboard import cli
from pitboard.settings import SETTINGS


def options(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The options of all commands, with the command's name."""
    for name, inner in getattr(command, "commands", {}).items():
        yield from options(inner, f"{path} {name}".strip())
    yield from ((path, parameter) for parameter in command.params)


def mirrors() -> list[tuple[str, Any]]:
    return [found for found in options(typer.main.get_command(cli.app)) if getattr(found[1], "envvar", None)]


def test_serve_demo_and_top_have_options_for_host_and_port() -> None:
    found = {(command, option.envvar) for command, option in mirrors()}
    assert found == {(c, s) for c in ("demo", "serve", "top") for s in ("PITBOARD_HOST", "PITBOARD_PORT")}


def test_options_take_default_and_help_from_the_settings() -> None:
    settings = {setting.env: setting for setting in SETTINGS}
    for command, option in mirrors():
        setting = settings[option.envvar]
        assert (str(option.default), option.help) == (setting.default, setting.help), command
