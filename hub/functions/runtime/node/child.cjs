'use strict';
/**
 * The program of a Node Function's process: loads the handler, then answers invocations until its socket closes.
 *
 * Arguments: the socket's descriptor, and the set-up as JSON. When the hub goes away, however it dies, the socket ends
 * and with it this process and everything the handler started.
 */

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const Module = require('node:module');
const { pathToFileURL } = require('node:url');
const frames = require('./frames.cjs');
const output = require('./output.cjs');
const tracing = require('./tracing.cjs');
const { answer, callback, bodyOf, failureOf } = require('./answers.cjs');
const { InvalidEvent, dataOf, eventOf, kubelessEventOf, mediaTypeOf } = require('./event.cjs');
const { Request, Response } = require('./exchange.cjs');
const { connect } = require('./spans.cjs');

const MIB = 1024 * 1024;
const ARGUMENTS = { event: 'event, context', kubeless: 'event, context', request: 'req, res' };

const setup = JSON.parse(process.argv[3]);
const context = { ...setup.context, 'body-size-limit': setup.context['body-size-limit'] / MIB };
delete context['memory-limit'];
const socket = new net.Socket({ fd: Number(process.argv[2]), readable: true, writable: true });
const streaming = new Map();
const MOST_HELD_MS = 1;
let unsent = [];
let turnBegan = 0;
let main;

/** Send a frame, with all others of the same turn of the event loop: writing costs more than a short handler. */
function send(kind, call, header, body) {
  if (!unsent.length) setImmediate(flush);
  unsent.push(frames.encode(kind, call, header, body));
}

function flush() {
  if (!unsent.length) return;
  const ready = unsent;
  unsent = [];
  socket.write(ready.length > 1 ? Buffer.concat(ready) : ready[0]);
}

/** End this process and everything it started, at once. */
function end() {
  process.kill(0, 'SIGKILL');
}

function raised(call, error) {
  console.error(error instanceof Error ? error.stack : error);
  send(frames.RAISED, call, { ...failureOf(error, setup.source), headers: cors() }, bodyOf(error));
}

function cors() {
  return setup.style === 'request' ? {} : { 'access-control-allow-origin': '*' };
}

/** Answer a browser's question before it calls; the handler is not asked. */
function preflight(request, response) {
  for (const name of ['method', 'headers']) {
    const asked = request.get(`access-control-request-${name}`);
    if (asked) response.set(`access-control-allow-${name === 'method' ? 'methods' : name}`, asked);
  }
  response.end();
}

function failed(call, response, error) {
  if (error instanceof InvalidEvent) {
    response.status(400).set('content-type', 'text/plain; charset=utf-8').end(`Bad request: ${error.message}`);
  } else if (response.headersSent) {
    console.error(error instanceof Error ? error.stack : error);
    send(frames.BROKEN, call, failureOf(error, setup.source));
    response.destroy();
  } else {
    raised(call, error);
  }
}

function called(request, response) {
  if (setup.style === 'request') {
    request.body = dataOf(mediaTypeOf(request.headers), request.rawBody);
    return main(request, response);
  }
  const event = setup.style === 'kubeless' ? kubelessEventOf(request, response) : eventOf(request, response);
  output.invocation.getStore().event = event['ce-id'] || ''; // of a structured event only now known
  return main(event, { ...context }, (...said) => callback(response, ...said));
}

/** Whether the handler will answer by itself later: the newer style, or by its third argument. */
function answersItself(returned) {
  return setup.style === 'request' || (returned === undefined && main.length > 2);
}

function invoke(call, meta, body) {
  const request = new Request(meta, body);
  const response = new Response(call, send);
  response.set(cors());
  streaming.set(call, response);
  response.once('close', () => streaming.delete(call));
  const { headers } = request;
  const depth = headers['ce-hubdepth'] || headers['hub-depth'];
  const store = { call, event: headers['ce-id'] || '', traceparent: headers.traceparent || '', depth };
  output.invocation.run(store, () => {
    if (request.method === 'OPTIONS') {
      preflight(request, response);
      return;
    }
    try {
      const returned = called(request, response);
      if (returned && typeof returned.then === 'function') {
        const settle = (value) => (setup.style === 'request' ? undefined : answer(response, value));
        returned.then(settle).catch((error) => failed(call, response, error));
      } else if (!answersItself(returned)) {
        answer(response, returned);
      }
    } catch (error) {
      failed(call, response, error);
    }
  });
}

/** Send what is held where handlers take long: no answer waits for the work on the calls behind it then. */
function flushIfLong() {
  const now = performance.now();
  if (now - turnBegan > MOST_HELD_MS) {
    flush();
    turnBegan = now;
  }
}

function take(kind, call, header, body) {
  if (unsent.length) flushIfLong();
  if (kind === frames.INVOKE) invoke(call, JSON.parse(header.toString()), Buffer.from(body));
  else if (kind === frames.CREDIT) streaming.get(call)?.credit(Number(header.toString()));
  else if (kind === frames.CANCEL) streaming.get(call)?.destroy();
}

/** Whether a file is a module of the newer kind, by its ending or its package. */
function isNewer(file) {
  if (file.endsWith('.mjs')) return true;
  try {
    return JSON.parse(fs.readFileSync(path.join(path.dirname(file), 'package.json'), 'utf8')).type === 'module';
  } catch {
    return false;
  }
}

/** Return the module of the handler, whichever of the two kinds of module it is. */
async function loaded(file) {
  try {
    if (isNewer(file)) tracing.installWhole();
    return Module.createRequire(file)(file);
  } catch (error) {
    if (error.code !== 'ERR_REQUIRE_ESM' && !/import statement|Unexpected token 'export'|await is only/.test(error.message)) throw error;
    tracing.installWhole();
    return import(pathToFileURL(file).href);
  }
}

async function load() {
  const names = ['handler.js', 'handler.mjs', 'handler.cjs'];
  const found = names.map((name) => path.join(setup.source, name)).find((file) => fs.existsSync(file));
  if (!found) throw new Error('there is no handler.js in the source');
  const exported = await loaded(found);
  main = exported.main ?? exported.default?.main ?? exported.default;
  if (typeof main !== 'function') {
    const error = new TypeError(`${path.basename(found)} exports no function 'main(${ARGUMENTS[setup.style]})'`);
    error.name = 'NoHandlerError';
    throw error;
  }
}

function start() {
  output.hide(setup.sealed);
  output.capture(setup.log, setup.log_limit_bytes);
  require('./mounts.cjs').redirect(setup.mounts);
  tracing.install();
  connect((call, told) => send(frames.SPAN, call, told));
  globalThis[Symbol.for('hub.sdk')] = require('./sdk.cjs').members(context);
  process.argv = [process.argv[0], path.join(setup.source, 'handler.js')];
  // What goes wrong after the answer concerns no other invocation.
  process.on('uncaughtException', (error) => console.error(error instanceof Error ? error.stack : error));
  process.on('unhandledRejection', (error) => console.error(error instanceof Error ? error.stack : error));
  process.on('exit', flush); // a handler may end the process after others have answered
  const decoder = new frames.Decoder();
  socket.on('data', (chunk) => {
    turnBegan = performance.now();
    decoder.feed(chunk, take);
  });
  socket.on('close', end);
  socket.on('error', end);
  load().then(
    () => send(frames.READY, 0),
    (error) => {
      console.error(error instanceof Error ? error.stack : error);
      send(frames.LOAD_FAILED, 0, failureOf(error, setup.source));
      flush();
      socket.end();
    },
  );
}

start();
