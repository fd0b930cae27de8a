'use strict';
/**
 * Carries the trace of an invocation on into the calls that the handler makes: W3C and B3 headers on every outgoing
 * HTTP request, unless the handler sets its own. The libraries are touched when the handler asks for them: loading them
 * takes as long as all the rest of a start.
 */

const Module = require('node:module');
const { invocation } = require('./output.cjs');

const LIBRARY = /^(node:)?https?$/;
const wrapped = new WeakSet();

/** Return the headers of the next hop; none outside an invocation. */
function traceHeaders() {
  const given = invocation.getStore()?.traceparent;
  if (!given) return {};
  const [version, trace, , flags = '01'] = given.split('-');
  const span = require('node:crypto').randomBytes(8).toString('hex');
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
  if (wrapped.has(library)) return library;
  wrapped.add(library);
  const { request } = library;
  library.request = (...all) => withTrace(request.apply(library, all));
  library.get = (...all) => {
    const made = library.request(...all);
    made.end();
    return made;
  };
  return library;
}

/** From now on add the headers. */
function install() {
  const load = Module._load;
  Module._load = function tracedLoad(name, ...rest) {
    const loaded = load.call(this, name, ...rest);
    return LIBRARY.test(name) ? wrap(loaded) : loaded;
  };
  const { fetch } = globalThis;
  globalThis.fetch = function tracedFetch(resource, options = {}) {
    const headers = new Headers(options.headers ?? (resource instanceof Request ? resource.headers : undefined));
    for (const [name, value] of Object.entries(traceHeaders())) if (!headers.has(name)) headers.set(name, value);
    return fetch(resource, { ...options, headers });
  };
}

/** Touch the libraries now: what imports them as a module of the newer kind does not ask in between. */
function installWhole() {
  wrap(require('node:http'));
  wrap(require('node:https'));
  Module.syncBuiltinESMExports();
}

module.exports = { install, installWhole };
