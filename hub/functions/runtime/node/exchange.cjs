'use strict';
/**
 * The request and the response as handlers know them from Express, made of frames instead of a connection.
 */

const { Readable, Writable } = require('node:stream');
const frames = require('./frames.cjs');

/** One request: a stream of its body, with what Express adds. */
class Request extends Readable {
  constructor(meta, body) {
    super();
    this.method = meta.method || 'POST';
    this.path = meta.path || '/';
    this.headers = {};
    for (const [name, value] of Object.entries(meta.headers || {})) this.headers[name.toLowerCase()] = value;
    this.url = meta.query ? `${this.path}?${meta.query}` : this.path;
    this.originalUrl = this.url;
    this.query = Object.fromEntries(new URLSearchParams(meta.query || ''));
    this.params = {};
    this.httpVersion = '1.1';
    this.protocol = 'http';
    this.rawBody = body;
    this.body = undefined;
  }

  get hostname() {
    return (this.headers.host || '').split(':')[0];
  }

  get ip() {
    return (this.headers['x-forwarded-for'] || '').split(',')[0].trim();
  }

  get(name) {
    return this.headers[String(name).toLowerCase()];
  }

  header(name) {
    return this.get(name);
  }

  is(type) {
    const own = (this.headers['content-type'] || '').split(';')[0].trim().toLowerCase();
    return own === type || own.endsWith(`/${type}`) || own.endsWith(`+${type}`) ? own : false;
  }

  _read() {
    if (this.rawBody.length) this.push(this.rawBody);
    this.push(null);
  }
}

/** The response: whole, or part by part with no more under way than the window allows. */
class Response extends Writable {
  constructor(call, send) {
    super({ decodeStrings: true });
    this.call = call;
    this.sendFrame = send;
    this.statusCode = 200;
    this.fields = {};
    this.headersSent = false;
    this.piped = false;
    this.window = frames.WINDOW_BYTES;
    this.held = null;
    this.on('pipe', () => { this.piped = true; });
    this.on('error', () => {}); // the caller has gone; the handler need not care
  }

  /** Whether the handler answers by itself, so that what it returns is not the answer. */
  get begun() {
    return this.headersSent || this.piped || this.writableEnded || this.writableLength > 0;
  }

  status(code) {
    this.statusCode = Number(code);
    return this;
  }

  set(name, value) {
    if (typeof name === 'object') for (const [one, its] of Object.entries(name)) this.set(one, its);
    else this.fields[String(name).toLowerCase()] = Array.isArray(value) ? value.join(', ') : String(value);
    return this;
  }

  header(name, value) {
    return this.set(name, value);
  }

  setHeader(name, value) {
    return this.set(name, value);
  }

  append(name, value) {
    const before = this.getHeader(name);
    return this.set(name, before === undefined ? value : `${before}, ${value}`);
  }

  getHeader(name) {
    return this.fields[String(name).toLowerCase()];
  }

  get(name) {
    return this.getHeader(name);
  }

  hasHeader(name) {
    return this.getHeader(name) !== undefined;
  }

  getHeaders() {
    return { ...this.fields };
  }

  removeHeader(name) {
    delete this.fields[String(name).toLowerCase()];
  }

  type(kind) {
    const known = { json: 'application/json', html: 'text/html', text: 'text/plain', txt: 'text/plain', xml: 'application/xml' };
    return this.set('content-type', kind.includes('/') ? kind : known[kind] || `application/${kind}`);
  }

  contentType(kind) {
    return this.type(kind);
  }

  writeHead(code, ...rest) {
    this.status(code);
    return this.set(rest.find((one) => typeof one === 'object') || {});
  }

  flushHeaders() {
    if (!this.headersSent) this.begin(frames.EMPTY, true);
  }

  json(value) {
    if (!this.hasHeader('content-type')) this.set('content-type', 'application/json; charset=utf-8');
    return this.end(JSON.stringify(value));
  }

  send(value) {
    if (value === undefined || value === null) return this.end();
    if (Buffer.isBuffer(value)) {
      if (!this.hasHeader('content-type')) this.set('content-type', 'application/octet-stream');
      return this.end(value);
    }
    if (typeof value === 'object' || typeof value === 'boolean' || typeof value === 'number') return this.json(value);
    if (!this.hasHeader('content-type')) this.set('content-type', 'text/html; charset=utf-8');
    return this.end(String(value));
  }

  sendStatus(code) {
    const { STATUS_CODES } = require('node:http'); // loading it takes time that few handlers need
    return this.status(code).set('content-type', 'text/plain; charset=utf-8').end(STATUS_CODES[code] || String(code));
  }

  redirect(...given) {
    const [code, url] = given.length > 1 ? given : [302, given[0]];
    return this.status(code).set('location', url).end();
  }

  end(chunk, encoding, callback) {
    if (!this.headersSent && !this.writableEnded && !this.writableLength && typeof chunk !== 'function') {
      const text = typeof encoding === 'string' ? encoding : 'utf8';
      this.begin(chunk === undefined || chunk === null ? frames.EMPTY : Buffer.from(chunk, text), false);
      return super.end(typeof encoding === 'function' ? encoding : callback);
    }
    return super.end(chunk, encoding, callback);
  }

  begin(body, more) {
    this.headersSent = true;
    this.streaming = more;
    const header = { status: this.statusCode, headers: this.fields };
    if (more) header.more = true;
    this.sendFrame(frames.ANSWER, this.call, header, body);
  }

  _write(chunk, _encoding, callback) {
    if (!this.headersSent) this.begin(frames.EMPTY, true);
    if (this.window <= 0) {
      this.held = () => this._write(chunk, _encoding, callback);
      return;
    }
    this.window -= chunk.length;
    this.sendFrame(frames.CHUNK, this.call, undefined, chunk);
    callback();
  }

  _final(callback) {
    if (this.streaming) this.sendFrame(frames.END, this.call);
    callback();
  }

  /** Take what the hub says about this answer: more credit. */
  credit(bytes) {
    this.window += bytes;
    const { held } = this;
    if (held && this.window > 0) {
      this.held = null;
      held();
    }
  }
}

module.exports = { Request, Response };
