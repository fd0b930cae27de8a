'use strict';
/**
 * Shows the values of Secrets at the paths the Function mounts them at; see `mounts.py`.
 */

const fs = require('node:fs');
const path = require('node:path');
const { fileURLToPath } = require('node:url');
const { syncBuiltinESMExports } = require('node:module');

const NAMES = [
  'access', 'createReadStream', 'exists', 'lstat', 'open', 'opendir', 'readFile', 'readdir', 'readlink', 'realpath', 'stat',
];

function placeOf(given, places) {
  const text = given instanceof URL && given.protocol === 'file:' ? fileURLToPath(given) : given;
  if (typeof text !== 'string' || !text.startsWith('/')) return given;
  const clean = path.normalize(text).replace(/(.)\/$/, '$1');
  for (const [mount, place] of Object.entries(places)) {
    if (clean === mount || clean.startsWith(`${mount}/`)) return place + clean.slice(mount.length);
  }
  return given;
}

function redirected(original, places) {
  return function elsewhere(given, ...rest) {
    return original.call(this, placeOf(given, places), ...rest);
  };
}

/** From now on find the mounted paths where they are. */
function redirect(places) {
  if (!Object.keys(places).length) return;
  for (const library of [fs, fs.promises]) {
    for (const name of [...NAMES, ...NAMES.map((one) => `${one}Sync`)]) {
      if (typeof library[name] === 'function') library[name] = redirected(library[name], places);
    }
  }
  syncBuiltinESMExports();
}

module.exports = { redirect };
