'use strict';

// A registry on this machine, to rehearse a publication: it keeps what `npm publish` sends it, and passes on what it is
// asked of others.

const crypto = require('node:crypto');
const http = require('node:http');
const https = require('node:https');
const { once } = require('node:events');

/** Package managers hold back what was published a short while ago. */
const PUBLISHED = new Date(Date.now() - 90 * 86400 * 1000).toISOString();

async function body(message) {
  const chunks = [];
  for await (const chunk of message) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/**
 * @param {string} upstream URL of the registry that has everything else
 * @returns {Promise<{ url: string, names: () => string[], close: () => void }>} `names` are `NAME@VERSION` of what was
 *   published here
 */
async function startRegistry(upstream) {
  const packages = new Map();
  const tarballs = new Map();
  const base = upstream.replace(/\/*$/, '/');
  const server = http.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}/`;

  /** Takes what `npm publish` sends. */
  function publish(document) {
    const packument = packages.get(document.name) || {
      name: document.name, 'dist-tags': {}, versions: {}, time: { created: PUBLISHED, modified: PUBLISHED },
    };
    for (const [version, manifest] of Object.entries(document.versions)) {
      if (packument.versions[version]) throw new Error(`${document.name}@${version} is published already`);
      const [attachment] = Object.values(document._attachments);
      const tarball = Buffer.from(attachment.data, 'base64');
      const file = `/-/tarballs/${crypto.randomUUID()}/${document.name.split('/').pop()}-${version}.tgz`;
      tarballs.set(file, tarball);
      const digest = (algorithm, encoding) => crypto.createHash(algorithm).update(tarball).digest(encoding);
      manifest.dist = {
        ...manifest.dist, tarball: `${url}${file.slice(1)}`, shasum: digest('sha1', 'hex'), integrity: `sha512-${digest('sha512', 'base64')}`,
      };
      packument.versions[version] = manifest;
      packument.time[version] = PUBLISHED;
      packument['dist-tags'].latest = version;
    }
    packages.set(document.name, packument);
  }

  async function passOn(request, response) {
    const target = new URL(request.url.slice(1), base);
    const { accept, 'content-type': type = 'application/json' } = request.headers;
    const asked = (target.protocol === 'https:' ? https : http).request(target, {
      method: request.method, headers: { accept: accept || '*/*', 'content-type': type },
    });
    asked.end(await body(request));
    const [answer] = await once(asked, 'response');
    const isJSON = /json/.test(answer.headers['content-type'] || '');
    let content = await body(answer);
    // Tarballs come through here as well.
    if (isJSON) content = Buffer.from(content.toString().replaceAll(base, url));
    response.writeHead(answer.statusCode, { 'content-type': answer.headers['content-type'] || 'application/octet-stream' });
    response.end(content);
  }

  server.on('request', async (request, response) => {
    const json = (status, value) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    const name = decodeURIComponent(request.url.slice(1).split('?')[0]);
    try {
      if (request.method === 'PUT') {
        publish(JSON.parse(await body(request)));
        json(201, { ok: true });
      } else if (tarballs.has(request.url)) {
        response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(tarballs.get(request.url));
      } else if (packages.has(name)) {
        json(200, packages.get(name));
      } else if (name.startsWith('@faye-websocket-rs/') || name === 'faye-websocket-rs') {
        json(404, { error: 'not found' });
      } else {
        await passOn(request, response);
      }
    } catch (error) {
      json(error.message.includes('published already') ? 403 : 502, { error: error.message });
    }
  });
  return {
    url,
    names: () => [...packages.values()].flatMap(({ name, versions }) => Object.keys(versions).map((version) => `${name}@${version}`)),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

module.exports = { startRegistry };
