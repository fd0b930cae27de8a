'use strict';
/**
 * Carries on what belongs to an invocation into the calls that the handler makes: the trace, and who calls.
 *
 * W3C and B3 headers go on every outgoing HTTP request, unless the handler sets its own. Requests to the hub itself - its
 * publisher and its gateway, nobody else - also carry the Function's token, by which the hub knows it, and how deep the
 * chain of events is already. The libraries are touched when the handler asks for them: loading them takes as long as
 * all the rest of a start.
 */

const Module = require('node:module');
const { invocation } = require('./output.cjs');

const LIBRARY = /^(node:)?https?$/;
const ADDRESSES = ['PUBLISHER_PROXY_ADDRESS', 'PUBLISHER_URL', 'GATEWAY_URL'];
const wrapped = new WeakSet();
let hosts;

/** Return the headers of a call, whose parent is the span at work; none outside an invocation. */
function traceHeaders() {
  const given = invocation.getStore()?.traceparent;
  if (!given) return {};
  const [, trace, span, flags = '01'] = given.split('-');
  return {
    traceparent: given,
    'x-b3-traceid': trace,
    'x-b3-spanid': span,
    'x-b3-sampled': flags === '00' ? '0' : '1',
  };
}

/** Whether a host, with its port where it is not the usual one, is the hub. */
function isHub(host) {
  hosts ??= new Set(ADDRESSES.map((name) => process.env[name]).filter((url) => URL.canParse(url)).map((url) => new URL(url).host));
  return hosts.has(host);
}

/** Return what tells the hub who calls: the token, and the depth of the event at work on; nothing to anybody else. */
function ownHeaders(host) {
  const token = process.env.HUB_WORKLOAD_TOKEN;
  if (!token || !isHub(host)) return {};
  const depth = invocation.getStore()?.depth;
  return { 'hub-workload-token': token, ...(depth ? { 'hub-depth': depth } : {}) };
}

function withTrace(request) {
  if (request.headersSent) return request;
  const added = { ...traceHeaders(), ...ownHeaders(request.getHeader('host')) };
  for (const [name, value] of Object.entries(added)) if (!request.hasHeader(name)) request.setHeader(name, value);
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
    const url = resource instanceof Request ? resource.url : String(resource);
    const added = { ...traceHeaders(), ...(URL.canParse(url) ? ownHeaders(new URL(url).host) : {}) };
    for (const [name, value] of Object.entries(added)) if (!headers.has(name)) headers.set(name, value);
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
