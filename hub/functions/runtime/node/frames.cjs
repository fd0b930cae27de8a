'use strict';
/**
 * How the hub and a Function's process talk: the same frames as `frames.py`, see there.
 */

const KINDS = {
  INVOKE: 1, CREDIT: 2, CANCEL: 3, BECOME: 4,
  READY: 16, LOAD_FAILED: 17, ANSWER: 18, RAISED: 19, CHUNK: 20, END: 21, BROKEN: 22, BEGUN: 23, SPAN: 24,
};
const WINDOW_BYTES = 1024 * 1024;
const PREFIX_BYTES = 13;
const EMPTY = Buffer.alloc(0);

/** Return a frame as bytes; the header is an object or nothing, the body a Buffer. */
function encode(kind, call, header, body = EMPTY) {
  const text = header === undefined ? '' : JSON.stringify(header);
  const headerBytes = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + headerBytes + body.length);
  frame.writeUInt32BE(PREFIX_BYTES - 4 + headerBytes + body.length, 0);
  frame[4] = kind;
  frame.writeUInt32BE(call, 5);
  frame.writeUInt32BE(headerBytes, 9);
  frame.write(text, PREFIX_BYTES);
  body.copy(frame, PREFIX_BYTES + headerBytes);
  return frame;
}

/** Puts frames together again, however the bytes were split on the way. */
class Decoder {
  constructor() {
    this.parts = [];
    this.size = 0;
    this.needed = PREFIX_BYTES;
  }

  /** Take the next bytes and call back for every frame that is complete now, in order. */
  feed(chunk, take) {
    this.parts.push(chunk);
    this.size += chunk.length;
    if (this.size < this.needed) return; // a long frame: joining its parts once keeps the cost linear
    const read = this.parts.length > 1 ? Buffer.concat(this.parts) : chunk;
    let at = 0;
    this.needed = PREFIX_BYTES;
    while (read.length - at >= PREFIX_BYTES) {
      const after = at + 4 + read.readUInt32BE(at);
      if (after > read.length) {
        this.needed = after - at;
        break;
      }
      const bodyAt = at + PREFIX_BYTES + read.readUInt32BE(at + 9);
      take(read[at + 4], read.readUInt32BE(at + 5), read.subarray(at + PREFIX_BYTES, bodyAt), read.subarray(bodyAt, after));
      at = after;
    }
    const rest = read.subarray(at);
    this.parts = rest.length ? [rest] : [];
    this.size = rest.length;
  }
}

module.exports = { ...KINDS, WINDOW_BYTES, EMPTY, encode, Decoder };
