'use strict';
/**
 * What a handler returns, as an answer: the rules of Kyma's Node runtimes, their traps closed. Upstream answers 500 to
 * numbers and `true`, and turns bytes into a list of numbers; here they are what they look like.
 *
 * Source: kyma-project/serverless:components/runtimes/nodejs22/server.mjs.
 */

const INTERNAL = 'Internal server error';

/** End the response with what the handler returned, unless the handler answers by itself. */
function answer(response, value) {
  if (response.begun) return;
  if (value === undefined || value === null || value === '' || value === 0 || value === false) response.end();
  else if (typeof value === 'string') response.end(value);
  else if (Buffer.isBuffer(value) || value instanceof Uint8Array) {
    if (!response.hasHeader('content-type')) response.set('content-type', 'application/octet-stream');
    response.end(Buffer.from(value));
  } else {
    const text = JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? part.toString() : part));
    if (text === undefined) throw new TypeError(`the handler returned a ${typeof value}, which cannot be sent`);
    if (!response.hasHeader('content-type')) response.set('content-type', 'application/json; charset=utf-8');
    response.end(text);
  }
}

/** Answer as the third argument of a handler does: body, status, headers. */
function callback(response, body, status, headers) {
  if (response.begun) return;
  if (headers) response.set(headers);
  if (status) response.status(status);
  if (body === '' && status && status !== 200) response.sendStatus(status);
  else answer(response, body);
}

/** Return what a caller gets of an error: the text that was thrown, or nothing about it. */
function bodyOf(error) {
  return Buffer.from(typeof error === 'string' ? error : INTERNAL);
}

/** Return type, text, file and line of an error; the place in the Function's own source where there is one. */
function failureOf(error, source) {
  const isError = error instanceof Error;
  const lines = String((isError && error.stack) || '').split('\n');
  const own = lines.find((line) => line.includes(source) && !line.includes('/node_modules/'));
  const place = own && /([^/\\]+?):(\d+)(?::\d+)?\)?\s*$/.exec(own);
  return {
    type: isError ? error.name : typeof error === 'string' ? 'Error' : typeof error,
    message: String(isError ? error.message : typeof error === 'string' ? error : JSON.stringify(error)).slice(0, 2000),
    file: place ? place[1] : '',
    line: place ? Number(place[2]) : 0,
  };
}

module.exports = { answer, callback, bodyOf, failureOf };
