"""The garbage collector while a function is loaded: loading allocates much and frees nothing, so collections
would only cost time. It is off from the import of this module until `done`."""

import gc

gc.disable()


def done() -> None:
    """The function is loaded. The objects that exist now are never collected."""
    gc.freeze()
    gc.enable()
