'use strict';

// Messages so long that no Buffer or string could hold them, or nearly: refused by their header where `maxLength`
// lets them through, and what is long but possible arrives as the same.

const assert = require('node:assert');
const { constants } = require('node:buffer');

const { it, describe } = require('./support/spec');
const { record, until } = require('./support/record');
const { names, open } = require('./support/paths');
const { TEXT, BINARY, CONTINUATION } = require('./support/frames');

const TOO_LARGE = [['error', 'WebSocket frame length too large'], ['close', 1009, 'WebSocket frame length too large']];
const MOST = 2 ** 31 - 1;

for (const path of names) {
  describe(`the longest messages: ${path}`, () => {
    for (const [name, maxLength] of [['Infinity', Infinity], ['5 GiB', 5 * 2 ** 30], ['NaN', NaN], ['2 GiB', 2 ** 31]]) {
      it(`maxLength: ${name}`, async (t) => {
        const cases = [
          (frame) => [frame(BINARY, 'the first', { length: MOST + 1 })],
          (frame) => [frame(BINARY, 'the first', { length: 2 ** 32 })],
          (frame) => [frame(BINARY, 'x', { fin: false }), frame(CONTINUATION, 'y', { length: MOST })],
          (frame) => [frame(TEXT, 'the first', { length: constants.MAX_STRING_LENGTH + 1 })],
          (frame) => [frame(TEXT, 'x', { fin: false }), frame(CONTINUATION, 'y', { length: constants.MAX_STRING_LENGTH })],
        ];
        for (const make of cases) {
          const { ws, peer, frame } = await open(t, path, { settings: { maxLength } });
          const log = record(ws, ['message', 'error', 'close']);
          peer.write(Buffer.concat([frame(TEXT, 'before'), ...make(frame)]));
          await until(() => log.length === 3);
          assert.deepStrictEqual(log, [['message', 'before'], ...TOO_LARGE]);
        }
      });
    }

    it('a long text of every kind of characters is what was sent', async (t) => {
      const { ws, peer, frame } = await open(t, path);
      const got = [];
      ws.on('message', ({ data }) => got.push(data));
      for (const piece of ['a', 'é', 'п', '漢', '𝄞', 'aé漢𝄞 ', '\ufeffa', '\0é', '\ufffd\uffff']) {
        for (const length of [65000, 66000, 400000]) {
          const text = '!' + piece.repeat(Math.ceil(length / Buffer.byteLength(piece)));
          got.length = 0;
          const bytes = frame(TEXT, text);
          peer.write(bytes);
          peer.write(Buffer.concat([frame(TEXT, 'cut', { fin: false }), frame(CONTINUATION, text)]));
          await until(() => got.length === 2);
          assert.ok(got[0] === text, `${piece} ${length}`);
          assert.ok(got[1] === 'cut' + text, `${piece} ${length}`);
        }
      }
    });
  });
}
