'use strict';
/**
 * The two arguments of a handler, as in Kyma's Node runtimes, their traps closed: extension attributes are not dropped,
 * and what claims to be an event and is none is answered 400 before the handler is called.
 *
 * Source: kyma-project/serverless:components/runtimes/nodejs22 (server.mjs, lib/ce.js); kubeless/runtimes
 * stable/nodejs/kubeless.js for the event of Kyma 1.
 */

const { publish, described } = require('./publisher.cjs');
const { tracer } = require('./spans.cjs');

const VERSIONS = ['1.0', '0.3'];
const STRUCTURED = 'application/cloudevents+json';

/** The request claims to be a CloudEvent, or JSON, and is not. */
class InvalidEvent extends Error {}

function parsed(body) {
  try {
    return JSON.parse(body.toString());
  } catch (error) {
    throw new InvalidEvent(`the body is not JSON: ${error.message}`);
  }
}

/** Return the fields of a form; `a[b]=1` and `a[]=1` are nested. */
function formOf(text) {
  const form = {};
  for (const [name, value] of new URLSearchParams(text)) {
    const path = name.replace(/\]/g, '').split('[');
    if (path.some((part) => ['__proto__', 'constructor', 'prototype'].includes(part))) continue;
    let at = form;
    path.forEach((part, index) => {
      if (index === path.length - 1) put(at, part, value);
      else {
        const list = path[index + 1] === '' || /^\d+$/.test(path[index + 1]);
        if (typeof at[part] !== 'object') at[part] = list ? [] : {};
        at = at[part];
      }
    });
  }
  return form;
}

function put(at, part, value) {
  if (Array.isArray(at) && part === '') at.push(value);
  else if (at[part] === undefined) at[part] = value;
  else at[part] = [].concat(at[part], value);
}

/** Return the body as its media type says; undefined where there is nothing to parse. */
function dataOf(mediaType, body) {
  if (mediaType.startsWith('multipart/') || !body.length) return undefined;
  if (mediaType === 'application/json' || mediaType === STRUCTURED) return parsed(body);
  if (mediaType.startsWith('text/')) return body.toString();
  if (mediaType === 'application/x-www-form-urlencoded') return formOf(body.toString());
  return body;
}

/** Return the attributes and data of the event that a request carries, or null when it carries none. */
function cloudEventOf(request) {
  const { headers, rawBody } = request;
  const mediaType = mediaTypeOf(headers);
  if (!rawBody.length) return null;
  if (mediaType === STRUCTURED) return structured(parsed(rawBody));
  if (!headers['ce-type'] || !headers['ce-source']) return null;
  const fields = {};
  for (const [name, value] of Object.entries(headers)) if (name.startsWith('ce-')) fields[name] = value;
  if (!fields['ce-id']) throw new InvalidEvent('the event lacks id');
  if (headers['content-type']) fields['ce-datacontenttype'] = headers['content-type'];
  return { ...checked(fields), data: dataOf(mediaType, rawBody) };
}

function structured(document) {
  if (document === null || typeof document !== 'object' || Array.isArray(document)) {
    throw new InvalidEvent('the structured event is not a JSON object');
  }
  const { data, data_base64: encoded, ...attributes } = document;
  const fields = {};
  for (const [name, value] of Object.entries(attributes)) fields[`ce-${name}`] = value;
  return { ...checked(fields), data: encoded === undefined ? data : Buffer.from(encoded, 'base64') };
}

function checked(fields) {
  const version = fields['ce-specversion'] || '1.0';
  if (!VERSIONS.includes(version)) throw new InvalidEvent(`specversion ${version} is not known`);
  return { ...fields, 'ce-specversion': version, 'ce-time': fields['ce-time'] || new Date().toISOString() };
}

function mediaTypeOf(headers) {
  return (headers['content-type'] || '').split(';')[0].trim().toLowerCase();
}

/** What a handler gets; request and response are made when they are asked for. */
class Event {
  constructor(request, response, fields) {
    Object.assign(this, fields);
    this.extensions = { request, response };
    Object.defineProperty(this, 'tracer', { value: tracer });
  }

  setResponseHeader(name, value) {
    this.extensions.response.set(name, value);
  }

  setResponseContentType(type) {
    this.extensions.response.type(type);
  }

  setResponseStatus(status) {
    this.extensions.response.status(status);
  }

  emitCloudEvent(type, source, data, attributes) {
    return publish(described(type, source, data, attributes));
  }

  publishCloudEvent(event) {
    return publish(event);
  }

  buildResponseCloudEvent(id, type, data) {
    const { headers } = this.extensions.request;
    const built = {
      type,
      source: headers['ce-source'],
      eventtypeversion: headers['ce-eventtypeversion'],
      specversion: headers['ce-specversion'],
      id,
      data,
      datacontenttype: 'application/json',
    };
    return Object.fromEntries(Object.entries(built).filter(([, value]) => value !== undefined));
  }
}

/** Return the event of Kyma's runtimes. */
function eventOf(request, response) {
  const mediaType = mediaTypeOf(request.headers);
  const event = cloudEventOf(request);
  if (event === null) {
    if (mediaType.startsWith('multipart/')) return new Event(request, response, {});
    const data = dataOf(mediaType, request.rawBody);
    request.body = data;
    return new Event(request, response, { data });
  }
  request.body = mediaType === STRUCTURED ? parsed(request.rawBody) : event.data;
  return new Event(request, response, event);
}

/** Return the event of Kyma 1: keys `event-type` and the like, from the headers of those names or of a CloudEvent. */
function kubelessEventOf(request, response) {
  const { headers, rawBody } = request;
  let data = rawBody.length ? rawBody.toString() : {};
  if (rawBody.length && mediaTypeOf(headers) === 'application/json') data = parsed(rawBody);
  const fields = { data };
  const other = { 'event-type': 'ce-type', 'event-id': 'ce-id', 'event-time': 'ce-time', 'event-namespace': 'ce-source' };
  for (const [name, attribute] of Object.entries(other)) fields[name] = headers[name] ?? headers[attribute];
  request.body = data;
  return new Event(request, response, fields);
}

module.exports = { InvalidEvent, cloudEventOf, dataOf, eventOf, kubelessEventOf, mediaTypeOf };
