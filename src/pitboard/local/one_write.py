"""An answer's head and body go out together: uvicorn writes them one after the other, which costs a system
call more and wakes the reader for a head alone."""

import asyncio

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
"""As uvicorn writes it when a route reads the body of a client that waits to be asked for it."""

Part = bytes | bytearray | memoryview


class OneWrite(asyncio.Transport):
    """What an answer of uvicorn's is written to: holds the head back until the body, or the end, comes.

    What is written after the connection was closed is dropped: uvloop would raise for it, which is a
    traceback in the log for each request that a stranger sends too many.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._head: Part = b""
        self._begun = False

    def write(self, data: Part) -> None:
        """The first part of an answer is its head, unless it only lets the client send on (status 100)."""
        if self.is_closing():
            return
        if data == CONTINUE:
            self._transport.write(data)
        elif not self._begun:
            self._begun, self._head = True, data
        elif self._head:
            head, self._head = self._head, b""
            self._transport.writelines((head, data))
        else:
            self._transport.write(data)

    def finish(self) -> None:
        """The answer is complete: a head without a body goes out."""
        if self._head and not self.is_closing():
            self._transport.write(self._head)
        self._begun, self._head = False, b""

    def is_closing(self) -> bool:
        """Whether the connection ends."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Ends the connection after what was written."""
        self.finish()
        self._transport.close()
