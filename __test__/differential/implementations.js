'use strict';

// Loads an implementation for comparison: a package folder, or whatever require() takes from the current folder.

const path = require('node:path');
const { createRequire } = require('node:module');

// Releases of the original's driver from 0.8 on refuse drafts 75 and 76 unless told otherwise, and the original
// cannot tell them; here they are always on.
function allowDrafts(entry) {
  let driver;
  try {
    driver = createRequire(entry)('websocket-driver');
  } catch {
    return; // not the original
  }
  const { http } = driver;
  driver.http = (request, options) => {
    try {
      return http.call(driver, request, { ...options, allowDrafts: true });
    } catch (error) {
      if (error.message !== 'Unrecognized option: allowDrafts') throw error;
      return http.call(driver, request, options);
    }
  };
}

function loadOriginal(where = 'faye-websocket') {
  const entry = createRequire(path.resolve('entry.js')).resolve(where);
  allowDrafts(entry);
  return require(entry);
}

function loadCandidate(where = path.join(__dirname, '../..')) {
  const entry = require.resolve(path.resolve(where));
  if (!entry.startsWith(path.join(__dirname, '../../lib'))) allowDrafts(entry);
  return require(entry);
}

module.exports = { loadCandidate, loadOriginal };
