"""What can be wrong with a configuration or its package."""


class ConfigError(Exception):
    """The stack cannot be made as asked for. The message is one sentence that says what to change."""
