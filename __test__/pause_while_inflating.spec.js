'use strict';

// The application pauses and resumes while a long compressed message is inflated on another thread: what comes
// behind that message is delivered behind it.

const assert = require('node:assert');

const { it } = require('./support/spec');
const { openServer, openClient } = require('./support/sides');
const { request } = require('./support/handshakes');
const { until } = require('./support/record');
const { TEXT, BINARY, frame, masked } = require('./support/frames');
const { RSV1, EXTENSIONS, compress } = require('./support/compression');

const OFFER = { [EXTENSIONS]: 'permessage-deflate' };
const LONG = 2 << 20;

const SIDES = {
  server: { out: masked, open: (t, settings) => openServer(t, { head: request(OFFER), settings }) },
  client: { out: frame, open: (t, settings) => openClient(t, { answer: OFFER, settings }) },
};

/** Turns of the loop that pass between a pause and what undoes it. */
const TURNS = [0, 1, 3];

const turns = async (count) => { for (let i = 0; i < count; i++) await new Promise(setImmediate); };

for (const [side, { out, open }] of Object.entries(SIDES)) {
  for (const kernelSocket of [true, false]) {
    it(`${side}, ${kernelSocket ? 'past the stream' : 'on the stream'}`, { timeout: 60000 }, async (t) => {
      const long = compress(Buffer.alloc(LONG, 'long '));
      for (const paused of TURNS) {
        for (const again of [0, 1]) {
          const { ws, peer } = await open(t, { deflate: true, kernelSocket });
          const heard = [];
          ws.on('message', ({ data }) => {
            heard.push(typeof data === 'string' ? data : data.length);
            if (data !== 'first') return;
            (async () => {
              for (let i = 0; i < 3; i++) {
                ws.pause();
                await turns(paused);
                ws.resume();
                await turns(again);
              }
            })();
          });
          peer.write(Buffer.concat([out(TEXT, 'first'), out(BINARY, long, { rsv: RSV1 }), out(TEXT, 'second')]));
          for (let i = 0; i < 2; i++) {
            await turns(1);
            peer.write(Buffer.concat([out(BINARY, long, { rsv: RSV1 }), out(TEXT, `after ${i}`)]));
          }
          await until(() => heard.length === 3 + 4);
          const expected = ['first', LONG, 'second', ...Array.from({ length: 2 }, (_, i) => [LONG, `after ${i}`]).flat()];
          assert.deepStrictEqual(heard, expected);
          peer.destroy();
        }
      }
    });
  }
}
