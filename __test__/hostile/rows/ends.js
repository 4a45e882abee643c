'use strict';

// Connections that end as no connection should, or never begin to.

const { TEXT, PING } = require('../../support/frames');
const { PATIENCE } = require('../stage');
const { result } = require('./cases');

module.exports = [
  {
    row: '23',
    title: 'FIN, close and RST in the middle of a frame',
    ways: ['whole'],
    async play(stage) {
      const results = [];
      for (const leave of stage.subject.path.secure ? ['end', 'destroy'] : ['end', 'destroy', 'reset']) {
        for (const cut of [1, 2, 3, 6, 50]) {
          const side = await stage.open();
          side.peer.write(side.out(TEXT, 'never complete '.repeat(20)).subarray(0, cut));
          await new Promise(setImmediate);
          side.peer[leave]();
          const close = await side.find('close');
          const died = stage.subject.death && `DIED: ${stage.subject.cause}`;
          results.push(result(`${leave} after ${cut}`, died || (close ? `${close[1]}` : 'silent'), '1006'));
          side.leave();
        }
      }
      return results;
    },
  },
  {
    row: '23',
    title: 'the socket destroyed by the application in the middle of a frame',
    ways: ['whole'],
    async play(stage) {
      const side = await stage.open();
      side.peer.write(side.out(TEXT, 'never complete '.repeat(20)).subarray(0, 50));
      await new Promise(setImmediate);
      await stage.subject.ask('kill', { key: side.key });
      const close = await side.find('close');
      return [result('destroyed', close ? `${close[1]}` : 'silent', '1006')];
    },
  },
  {
    row: '31',
    title: 'connections that come and go at once: descriptors afterwards',
    ways: ['whole'],
    async play(stage) {
      const rounds = stage.bounded ? 100 : 2000;
      const first = await stage.open();
      const before = await stage.subject.ask('descriptors');
      for (let i = 0; i < rounds; i += 20) {
        const sides = await Promise.all(Array.from({ length: 20 }, () => stage.open()));
        for (const [j, side] of sides.entries()) {
          if (j % 3 === 0) side.peer.write(side.out(PING, 'x').subarray(0, 3));
          if (j % 3 === 1) side.peer.end();
          else side.peer.destroy();
        }
        for (const side of sides) {
          const close = await side.find('close');
          if (close === null) return [result('close events', 'missing', 'all')];
          side.leave();
        }
      }
      let after = await stage.subject.ask('descriptors');
      for (const start = Date.now(); after > before && Date.now() - start < PATIENCE;) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        after = await stage.subject.ask('descriptors');
      }
      first.leave();
      return [result(`${rounds} connections`, after <= before ? 'none left' : `${after - before} descriptors left`, 'none left')];
    },
  },
  {
    row: '31',
    title: 'half a frame on each of many connections, byte by byte',
    ways: ['whole'],
    async play(stage) {
      const sides = [];
      for (let i = 0; i < (stage.bounded ? 50 : 500); i++) sides.push(await stage.open());
      const bytes = sides[0].out(TEXT, 'x'.repeat(300));
      for (let at = 0; at < 150; at++) {
        for (const { peer } of sides) peer.write(bytes.subarray(at, at + 1));
        await new Promise(setImmediate);
      }
      const got = await stage.alive();
      return [result('half frames', got, 'alive')];
    },
  },
];
