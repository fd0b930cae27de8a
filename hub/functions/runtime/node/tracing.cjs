'use strict';
/**
 * Carries the trace of an invocation on into the calls that the handler makes: W3C and B3 headers on every outgoing
 * HTTP request, unless the handler sets its own.
 */

const http = require('node:http');
const https = require('node:https');
const { randomBytes } = require('node:crypto');
const { invocation } = require('./output.cjs');

/** Return the headers of the next hop; none outside an invocation. */
function traceHeaders() {
  const given = invocation.getStore()?.traceparent;
  if (!given) return {};
  const [version, trace, , flags = '01'] = given.split('-');
  const span = randomBytes(8).toString('hex');
  return {
    traceparent: `${version}-${trace}-${span}-${flags}`,
    'x-b3-traceid': trace,
    'x-b3-spanid': span,
    'x-b3-sampled': flags === '00' ? '0' : '1',
  };
}

function withTrace(request) {
  for (const [name, value] of Object.entries(traceHeaders())) {
    if (!request.headersSent && !request.hasHeader(name)) request.setHeader(name, value);
  }
  return request;
}

function wrap(library) {
  const { request } = library;
  library.request = (...all) => withTrace(request.apply(library, all));
  library.get = (...all) => {
    const made = library.request(...all);
    made.end();
    return made;
  };
}

/** From now on add the headers. */
function install() {
  wrap(http);
  wrap(https);
  const { fetch } = globalThis;
  globalThis.fetch = function tracedFetch(resource, options = {}) {
    const headers = new Headers(options.headers ?? (resource instanceof Request ? resource.headers : undefined));
    for (const [name, value] of Object.entries(traceHeaders())) if (!headers.has(name)) headers.set(name, value);
    return fetch(resource, { ...options, headers });
  };
}

module.exports = { install };
