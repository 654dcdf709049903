/* A WebSocket server for tests: text frames, ping and close, no extensions (RFC 6455). */
import { createHash } from "node:crypto";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

export function accept(req, socket, onText, onClose) {
  const key = createHash("sha1")
    .update(req.headers["sec-websocket-key"] + GUID)
    .digest("base64");
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${key}\r\nSec-WebSocket-Protocol: support.v1\r\n\r\n`,
  );
  let buffer = Buffer.alloc(0);
  let open = true;
  const frame = (opcode, data) => {
    const head =
      data.length < 126
        ? Buffer.from([0x80 | opcode, data.length])
        : data.length < 65536
          ? Buffer.from([0x80 | opcode, 126, data.length >> 8, data.length & 255])
          : Buffer.concat([Buffer.from([0x80 | opcode, 127, 0, 0, 0, 0]), u32(data.length)]);
    if (open && socket.writable) socket.write(Buffer.concat([head, data]));
  };
  const close = (code) => {
    frame(8, Buffer.from([code >> 8, code & 255]));
    end();
  };
  const end = () => {
    if (!open) return;
    open = false;
    socket.end();
    onClose();
  };
  socket.on("data", (data) => {
    buffer = Buffer.concat([buffer, data]);
    for (;;) {
      if (buffer.length < 6) return;
      const opcode = buffer[0] & 15;
      let length = buffer[1] & 127;
      let at = 2;
      if (length === 126) [length, at] = [buffer.readUInt16BE(2), 4];
      else if (length === 127) [length, at] = [Number(buffer.readBigUInt64BE(2)), 10];
      if (buffer.length < at + 4 + length) return;
      const mask = buffer.subarray(at, at + 4);
      const body = Buffer.from(buffer.subarray(at + 4, at + 4 + length)).map(
        (b, i) => b ^ mask[i & 3],
      );
      buffer = buffer.subarray(at + 4 + length);
      if (opcode === 1) onText(body.toString("utf8"));
      else if (opcode === 8) return end();
      else if (opcode === 9) frame(10, body);
    }
  });
  socket.on("close", end);
  socket.on("error", end);
  return { send: (text) => frame(1, Buffer.from(text)), close };
}

function u32(n) {
  const b = Buffer.alloc(4);
  b.writeUInt32BE(n);
  return b;
}
