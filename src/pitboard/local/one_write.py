"""An answer's head and body go out together: uvicorn writes them one after the other, which costs a system
call more and wakes the reader for a head alone."""

import asyncio

Part = bytes | bytearray | memoryview


class OneWrite(asyncio.Transport):
    """What an answer of uvicorn's is written to: holds the head back until the body, or the end, comes."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._head: Part = b""
        self._begun = False

    def write(self, data: Part) -> None:
        """The first part of an answer is its head."""
        if not self._begun:
            self._begun, self._head = True, data
        elif self._head:
            head, self._head = self._head, b""
            self._transport.writelines((head, data))
        else:
            self._transport.write(data)

    def finish(self) -> None:
        """The answer is complete: a head without a body goes out."""
        if self._head:
            self._transport.write(self._head)
        self._begun, self._head = False, b""

    def close(self) -> None:
        """Ends the connection after what was written."""
        self.finish()
        self._transport.close()
