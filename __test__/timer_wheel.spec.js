'use strict';

// The one timer of all connections, with Node's timers and clock mocked.

const assert = require('node:assert');
const { performance } = require('node:perf_hooks');

const { it } = require('./support/spec');
const { TimerWheel, WheelEntry } = require('../lib/timer_wheel.js');

class Entry extends WheelEntry {
  constructor(act = () => {}) {
    super();
    this.calls = [];
    this.act = act;
  }

  onTime(now) {
    this.calls.push(now);
    this.act(this, now);
  }
}

/** A wheel whose clock stands at 1000 and goes on with `tick`. */
function mocked(t) {
  let now = 1000;
  t.mock.method(performance, 'now', () => now);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const tick = (milliseconds) => {
    for (let i = 0; i < milliseconds; i++) {
      now += 1;
      t.mock.timers.tick(1);
    }
  };
  return { wheel: new TimerWheel(), tick, block: (milliseconds) => { now += milliseconds; } };
}

it('no entry is called before its time, or later than a 64th of its wait after it', (t) => {
  const { wheel, tick } = mocked(t);
  const waits = [1, 2, 63, 64, 65, 100, 127, 128, 500, 999, 1000, 5000, 30000];
  const entries = waits.map((wait) => {
    const entry = new Entry();
    wheel.set(entry, 1000 + wait);
    return entry;
  });
  tick(31000);
  entries.forEach(({ calls }, i) => {
    const wait = waits[i];
    assert.strictEqual(calls.length, 1, `${wait}`);
    const late = calls[0] - 1000 - wait;
    assert.ok(late >= 0 && late <= wait / 64, `${wait} ms: ${late} late`);
  });
});

it('an entry that stays is called again and again, without drift', (t) => {
  const { wheel, tick } = mocked(t);
  const entry = new Entry((self, now) => wheel.set(self, now + 100));
  wheel.set(entry, 1100);
  tick(100 * 50 + 5);
  assert.ok(entry.calls.length >= 49, `${entry.calls.length}`);
});

it('a single entry is called in time', (t) => {
  for (const wait of [10, 100, 1000, 30000]) {
    const { wheel, tick } = mocked(t);
    const entry = new Entry();
    wheel.set(entry, 1000 + wait);
    tick(wait);
    assert.deepStrictEqual(entry.calls, [1000 + wait]);
    t.mock.timers.reset();
    t.mock.restoreAll();
  }
});

it('an entry postponed by a millisecond is called again in the next turn', (t) => {
  const { wheel, tick } = mocked(t);
  const other = new Entry();
  const entry = new Entry((self, now) => self.calls.length < 3 && wheel.set(self, now + 1));
  wheel.set(entry, 6000);
  wheel.set(other, 6000);
  tick(5010);
  assert.deepStrictEqual([entry.calls.length, other.calls.length], [3, 1]);
  assert.strictEqual(new Set(entry.calls).size, 3);
});

it('a removed entry is not called, and an empty wheel has no timer', (t) => {
  const { wheel, tick } = mocked(t);
  const set = t.mock.method(globalThis, 'setTimeout');
  const clear = t.mock.method(globalThis, 'clearTimeout');
  const [one, other] = [new Entry(), new Entry()];
  wheel.set(one, 1010);
  wheel.set(other, 1010);
  wheel.remove(one);
  wheel.remove(one);
  tick(20);
  assert.deepStrictEqual([one.calls.length, other.calls.length], [0, 1]);
  const timers = set.mock.callCount();
  wheel.set(one, 2000);
  wheel.remove(one);
  assert.strictEqual(set.mock.callCount(), timers + 1);
  assert.ok(clear.mock.callCount() >= 1);
  tick(2000);
  assert.strictEqual(one.calls.length, 0);
  assert.strictEqual(set.mock.callCount(), timers + 1);
});

it('a thousand entries share a timer', (t) => {
  const { wheel, tick } = mocked(t);
  const set = t.mock.method(globalThis, 'setTimeout');
  const entries = Array.from({ length: 1000 }, (_, i) => {
    const entry = new Entry();
    wheel.set(entry, 31000 + i);
    return entry;
  });
  assert.strictEqual(set.mock.callCount(), 1);
  tick(33000);
  assert.ok(entries.every(({ calls }) => calls.length === 1));
  // A second in steps of a quarter, and the first.
  assert.ok(set.mock.callCount() <= 8, `${set.mock.callCount()}`);
});

it('postponing an entry leaves nothing at its old time', (t) => {
  const { wheel, tick } = mocked(t);
  const entry = new Entry();
  for (const time of [1010, 1500, 90000, 1020]) wheel.set(entry, time);
  tick(100000);
  assert.strictEqual(entry.calls.length, 1);
});

it('an entry may remove another that is due, and itself', (t) => {
  const { wheel, tick } = mocked(t);
  const second = new Entry();
  const first = new Entry((self) => {
    wheel.remove(second);
    wheel.remove(self);
  });
  wheel.set(first, 1010);
  wheel.set(second, 1010);
  tick(100);
  assert.deepStrictEqual([first.calls.length, second.calls.length], [1, 0]);
});

it('the exception of one entry keeps no other from being called', (t) => {
  const { wheel, tick } = mocked(t);
  const later = t.mock.method(process, 'nextTick', () => {});
  const entries = [0, 1, 2].map((i) => new Entry(() => {
    if (i < 2) throw new Error(`entry ${i}`);
  }));
  for (const entry of entries) wheel.set(entry, 1010);
  assert.throws(() => tick(10), /entry 0/);
  assert.deepStrictEqual(entries.map(({ calls }) => calls.length), [1, 1, 1]);
  // The second error is thrown in a tick of its own.
  assert.throws(later.mock.calls[0].arguments[0], /entry 1/);
});

it('time in which the loop was blocked does not count', (t) => {
  const { wheel, tick, block } = mocked(t);
  const [near, far] = [new Entry(), new Entry()];
  wheel.set(near, 1050);
  wheel.set(far, 1060);
  block(5000);
  tick(50);
  assert.deepStrictEqual([near.calls, far.calls], [[1050], []]);
  tick(10);
  assert.deepStrictEqual(far.calls, [1060]);
});

it('waits longer than a timer of Node can be are kept', (t) => {
  const { wheel, block } = mocked(t);
  const set = t.mock.method(globalThis, 'setTimeout');
  const entry = new Entry();
  wheel.set(entry, 2 ** 40);
  assert.strictEqual(set.mock.calls[0].arguments[1], 0x7fffffff);
  block(0x7fffffff);
  wheel._onTimer();
  assert.strictEqual(entry.calls.length, 0);
  assert.strictEqual(set.mock.callCount(), 2);
});

it('the timer keeps the process alive for the entries that require it', (t) => {
  const refs = [];
  t.mock.method(globalThis, 'setTimeout', () => ({ ref: () => refs.push('ref'), unref: () => refs.push('unref') }));
  t.mock.method(globalThis, 'clearTimeout', () => {});
  const wheel = new TimerWheel();
  wheel.set(new Entry(), wheel.now() + 1000);
  wheel.keepAlive();
  wheel.keepAlive();
  wheel.letGo();
  assert.deepStrictEqual(refs, ['unref', 'ref']);
  wheel.letGo();
  assert.deepStrictEqual(refs, ['unref', 'ref', 'unref']);
});
