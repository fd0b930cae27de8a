'use strict';
/**
 * What a handler prints, line by line into the Function's log file, each line with the invocation it belongs to.
 *
 * The process writes the file itself, and turns it over at its limit; see `output.py`.
 */

const fs = require('node:fs');
const { AsyncLocalStorage } = require('node:async_hooks');

const LINE_LIMIT = 16384;
const CHECK_EVERY_BYTES = 65536;
const SHORTEST_SECRET = 6;

/** The invocation that the running code belongs to: `{call, event, traceparent}`. */
const invocation = new AsyncLocalStorage();

/** Appends to the log file; several processes of the same Function may. */
class LogFile {
  constructor(path, limitBytes) {
    this.path = path;
    this.limitBytes = limitBytes;
    this.unchecked = 0;
    this.file = fs.openSync(path, 'a', 0o600);
  }

  write(line) {
    fs.writeSync(this.file, line);
    this.unchecked += line.length;
    if (this.unchecked >= CHECK_EVERY_BYTES) {
      this.unchecked = 0;
      this.turnOver();
    }
  }

  turnOver() {
    const mine = fs.fstatSync(this.file);
    if (mine.size < this.limitBytes) return;
    try {
      if (fs.statSync(this.path).ino === mine.ino) fs.renameSync(this.path, `${this.path}.1`);
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
    fs.closeSync(this.file);
    this.file = fs.openSync(this.path, 'a', 0o600);
  }
}

function record(stream, text) {
  const current = invocation.getStore();
  const fields = { time: new Date().toISOString().replace('Z', '+00:00'), stream };
  if (current) {
    fields.invocation = `${process.pid}-${current.call}`;
    if (current.event) fields.event = current.event;
    if (current.traceparent) fields.trace = current.traceparent.split('-')[1] || '';
  }
  const shown = hidden.reduce((rest, value) => rest.replaceAll(value, '***'), text);
  fields.text = shown.length > LINE_LIMIT ? `${shown.slice(0, LINE_LIMIT)} … (cut)` : shown;
  return `${JSON.stringify(fields)}\n`;
}

let hidden = [];

/** Blot the values of these environment variables out of every line from now on; see `output.py`. */
function hide(names) {
  const values = names.flatMap((name) => (process.env[name] || '').split('\n'));
  hidden = values.filter((value) => value.length >= SHORTEST_SECRET).sort((one, other) => other.length - one.length);
}

/** Send everything printed to the log from now on. */
function capture(path, limitBytes) {
  const log = new LogFile(path, limitBytes);
  for (const stream of ['stdout', 'stderr']) {
    process[stream].write = (chunk, encoding, callback) => {
      const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
      for (const line of text.replace(/\n$/, '').split('\n')) log.write(record(stream, line));
      const done = typeof encoding === 'function' ? encoding : callback;
      if (typeof done === 'function') process.nextTick(done);
      return true;
    };
  }
}

module.exports = { capture, hide, invocation };
