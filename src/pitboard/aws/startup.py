"""How a function is loaded: it allocates much and frees nothing, so the garbage collector would only look
through everything again and again. It is off from the import of this module until `done`."""

import gc

gc.disable()


def done() -> None:
    """The function is loaded. What there is by now stays, and is not looked through any more."""
    gc.freeze()
    gc.enable()
