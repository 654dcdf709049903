"""Bytes by hand, for requests and frames that no honest library would send."""
import asyncio
import base64
import os
import struct

SITE = "https://www.bank.example"


class Wire:
    """One TCP connection to a daemon."""

    def __init__(self, port):
        self.port = port

    async def __aenter__(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *exc):
        self.writer.close()

    async def http(self, data, timeout=10, end=False):
        """Sends bytes (then, if asked, the end of the stream), reads one HTTP answer: (status, headers, body); status 0: closed without an answer."""
        try:
            self.writer.write(data)
            await self.writer.drain()
            if end:
                self.writer.write_eof()
            head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), timeout)
        except (ConnectionError, asyncio.IncompleteReadError):
            return 0, {}, b""
        lines = head.decode("latin-1").split("\r\n")
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:] if line)}
        body = b""
        if "content-length" in headers and not data.startswith(b"HEAD "):
            body = await asyncio.wait_for(self.reader.readexactly(int(headers["content-length"])), timeout)
        return int(lines[0].split()[1]), headers, body

    async def upgrade(self, protocol="support.v1", origin=SITE, extra="", line="GET /ws HTTP/1.1", key=""):
        """The WebSocket handshake; the answer. key: "" for a right one, None for none."""
        key = base64.b64encode(os.urandom(16)).decode() if key == "" else key
        head = f"{line}\r\nHost: 127.0.0.1:{self.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{extra}"
        if "Sec-WebSocket-Version" not in extra:
            head += "Sec-WebSocket-Version: 13\r\n"
        if key is not None:
            head += f"Sec-WebSocket-Key: {key}\r\n"
        if origin:
            head += f"Origin: {origin}\r\n"
        if protocol:
            head += f"Sec-WebSocket-Protocol: {protocol}\r\n"
        return await self.http((head + "\r\n").encode())

    def frame(self, payload, opcode=1, fin=True, mask=True, rsv=0, length=None):
        """Sends one frame, as wrong as asked for."""
        if isinstance(payload, str):
            payload = payload.encode()
        n = len(payload) if length is None else length
        first = (0x80 if fin else 0) | rsv << 4 | opcode
        bit = 0x80 if mask else 0
        if n < 126:
            head = struct.pack("!BB", first, bit | n)
        elif n < 65536:
            head = struct.pack("!BBH", first, bit | 126, n)
        else:
            head = struct.pack("!BBQ", first, bit | 127, n)
        if mask:
            key = os.urandom(4)
            payload = key + bytes(b ^ key[i % 4] for i, b in enumerate(payload))
        self.writer.write(head + payload)

    async def receive(self, timeout=10):
        """(opcode, payload) of the next frame; (8, close payload) for a close; (None, b"") at the end."""
        try:
            first, second = await asyncio.wait_for(self.reader.readexactly(2), timeout)
            n = second & 0x7f
            if n == 126:
                n, = struct.unpack("!H", await self.reader.readexactly(2))
            elif n == 127:
                n, = struct.unpack("!Q", await self.reader.readexactly(8))
            return first & 15, await asyncio.wait_for(self.reader.readexactly(n), timeout)
        except (ConnectionError, asyncio.IncompleteReadError):
            return None, b""
