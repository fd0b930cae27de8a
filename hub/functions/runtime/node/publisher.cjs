'use strict';
/**
 * Posts what a handler emits to the hub's publisher. An answer other than 2xx rejects, so an event is never lost in
 * silence: the invocation fails, and the event that caused it is tried again.
 */

const TIMEOUT_MILLISECONDS = 30000;
const CONTENT_TYPE = 'application/cloudevents+json; charset=utf-8';
const agents = {};

/** Return the library for an address, and its kept connections; loaded by the first event only. */
function libraryFor(url) {
  const library = url.protocol === 'https:' ? require('node:https') : require('node:http');
  agents[url.protocol] ??= new library.Agent({ keepAlive: true });
  return [library, agents[url.protocol]];
}

/** Post a structured CloudEvent; resolves with `{status, data, headers}`. */
function publish(event) {
  return new Promise((resolve, reject) => {
    const address = process.env.PUBLISHER_PROXY_ADDRESS;
    if (!address) throw new Error('PUBLISHER_PROXY_ADDRESS is not set, so nothing can be published');
    const url = new URL(address);
    const body = Buffer.from(JSON.stringify(event));
    const headers = { 'Content-Type': CONTENT_TYPE, 'Content-Length': body.length };
    const [library, agent] = libraryFor(url);
    const options = { method: 'POST', headers, agent, timeout: TIMEOUT_MILLISECONDS };
    const request = library.request(url, options, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => settle(response, Buffer.concat(parts).toString(), resolve, reject));
    });
    request.on('timeout', () => request.destroy(new Error(`the publisher at ${address} does not answer`)));
    request.on('error', reject);
    request.end(body);
  });
}

function settle(response, data, resolve, reject) {
  const { statusCode: status, headers } = response;
  if (status >= 200 && status < 300) {
    resolve({ status, data, headers });
    return;
  }
  const error = new Error(`the publisher answered ${status}: ${data.slice(0, 300)}`);
  error.response = { status, data, headers };
  reject(error);
}

/** Return a structured CloudEvent around the data, with a new id and the current time. */
function described(type, source, data, attributes = {}) {
  const event = { type, source, specversion: '1.0', id: crypto.randomUUID(), time: new Date().toISOString() };
  if (Buffer.isBuffer(data)) return { ...event, data_base64: data.toString('base64'), ...attributes };
  const datacontenttype = typeof data === 'string' ? 'text/plain' : 'application/json';
  return { ...event, datacontenttype, data, ...attributes };
}

module.exports = { publish, described };
