'use strict';
/**
 * Spans that a handler opens itself, by `event.tracer` or the SDK's `getTracer()`; the same as `spans.py`, see there.
 */

const { invocation } = require('./output.cjs');

const ERROR = 2;
const CONTEXT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f][13579bdf]$/;
let report = () => {};

/** Say who takes ended spans: a function of the invocation's number and what is told. */
function connect(take) {
  report = take;
}

function now() {
  return Math.round((performance.timeOrigin + performance.now()) * 1e6);
}

class Span {
  constructor(name, options) {
    const { call, traceparent = '' } = invocation.getStore() ?? {};
    this.call = call;
    this.open = CONTEXT.test(traceparent);
    const parts = traceparent.split('-');
    this.parent = parts[2] ?? '';
    const own = this.open ? require('node:crypto').randomBytes(8).toString('hex') : this.parent;
    this.context = this.open ? [parts[0], parts[1], own, parts[3]].join('-') : traceparent;
    this.name = String(name);
    this.error = '';
    this.attributes = { ...options?.attributes };
    this.began = now();
  }

  isRecording() {
    return this.open;
  }

  spanContext() {
    const [, traceId = '', spanId = '', flags = '0'] = this.context.split('-');
    return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) };
  }

  setAttribute(name, value) {
    this.attributes[name] = value;
    return this;
  }

  setAttributes(attributes) {
    Object.assign(this.attributes, attributes);
    return this;
  }

  updateName(name) {
    this.name = String(name);
    return this;
  }

  setStatus(status) {
    this.error = status?.code === ERROR ? this.error || 'error' : '';
    return this;
  }

  recordException(error) {
    this.error = error?.constructor?.name ?? 'Error';
  }

  addEvent() {
    return this;
  }

  addLink() {
    return this;
  }

  addLinks() {
    return this;
  }

  end() {
    if (!this.open) return;
    this.open = false;
    const { name, context, parent, began, error } = this;
    const attributes = Object.fromEntries(Object.entries(this.attributes).map(([key, value]) => [key, String(value)]));
    report(this.call, { name, context, parent, began, ended: now(), error, attributes });
  }
}

const tracer = {
  startSpan: (name, options) => new Span(name, options),
  startActiveSpan(name, ...rest) {
    const run = rest[rest.length - 1];
    const span = new Span(name, rest.length > 1 ? rest[0] : undefined);
    return invocation.run({ ...invocation.getStore(), traceparent: span.context }, () => run(span));
  },
};

module.exports = { connect, tracer };
