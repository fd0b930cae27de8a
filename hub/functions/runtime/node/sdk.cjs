'use strict';
/**
 * The module `sdk` of the newer runtimes: events and names for handlers that get the request itself.
 */

const { cloudEventOf } = require('./event.cjs');
const { publish, described } = require('./publisher.cjs');
const { tracer } = require('./spans.cjs');

/** Return the members of the module. */
function members(context) {
  return {
    getTracer: () => tracer,
    getCloudEvent: (request) => {
      try {
        return cloudEventOf(request);
      } catch {
        return null; // upstream's answer to what is no event, or a broken one
      }
    },
    emitCloudEvent: (type, source, data, attributes) => publish(described(type, source, data, attributes)),
    getFunctionName: () => context['function-name'],
    getNamespace: () => context.namespace,
    getRuntime: () => context.runtime,
    getTimeout: () => context.timeout,
    getBodySizeLimit: () => context['body-size-limit'],
  };
}

module.exports = { members };
