'use strict';

/**
 * One timer of Node's for all connections of this environment. A connection that waits for several
 * moments stands in the slot of the earliest only, linked to its neighbours there: no allocation when
 * it moves on, nothing left behind when it leaves.
 */
const { performance } = require('perf_hooks');

const AsyncContext = require('./async_context');
const LONGEST_TIMEOUT = require('./longest_timeout');
const { throwAll } = require('./sequence');

/** Later than by so many milliseconds, the loop was blocked. */
const PATIENCE = 100;

/** Entries meet in a slot whose moments differ by no more than a 64th, two to this power, of the wait. */
const SLOT_BITS = 6;

/** @typedef {Slot | WheelEntry} Link of a ring */

/** Everything that is called at one moment, the latest of those that its entries wait for: the head of a ring. */
class Slot {
  /** @param {number} end milliseconds of the wheel's clock */
  constructor(end) {
    /** The latest moment that belongs here. */
    this.end = end;
    this.time = 0;
    /** @type {Link} */
    this.next = this;
    /** @type {Link} */
    this.previous = this;
  }
}

/**
 * What stands in a slot. Whoever extends this has a method `onTime(now)`, called when its moment has
 * come and it has left its slot.
 */
class WheelEntry extends AsyncContext {
  constructor() {
    // Listeners are called in the async context of whoever made the connection.
    super('FAYE_WEBSOCKET_TIMER');
    /** @type {Link | null} */
    this.next = null;
    /** @type {Link | null} */
    this.previous = null;
  }
}

/** @typedef {WheelEntry & { onTime(now: number): void }} Entry */

class TimerWheel {
  constructor() {
    /**
     * Slots by their ends. There are at most 128 for each power of two of a wait, so the earliest is
     * looked for among all of them.
     *
     * @type {Map<number, Slot>}
     */
    this._slots = new Map();
    this._timer = null;
    /** When the timer expires. */
    this._armed = 0;
    /** Whether entries are being called: the timer is set again behind the last of them. */
    this._turning = false;
    this._keepingAlive = 0;
    /** Time in which the loop was blocked, in all. */
    this._lost = 0;
    this._now = 0;
    // The timer belongs to no connection, and must keep the async context of none.
    this._root = new AsyncContext('FAYE_WEBSOCKET_TIMERS');
    this._fire = () => this._onTimer();
  }

  /**
   * Milliseconds, never going back. Time in which the loop was blocked does not count: peers that
   * were heard of in it could not be listened to.
   *
   * @returns {number}
   */
  now() {
    const now = Math.floor(performance.now() - this._lost);
    if (now > this._now) this._now = now;
    return this._now;
  }

  /**
   * Has `entry.onTime` called at `time` or up to a 64th of the wait later; it leaves the slot it is in.
   *
   * @param {WheelEntry} entry
   * @param {number} time milliseconds of the wheel's clock
   */
  set(entry, time) {
    this.remove(entry);
    const wait = Math.max(1, time - this.now());
    const bits = 31 - Math.clz32(Math.min(wait, LONGEST_TIMEOUT)) - SLOT_BITS;
    const step = bits > 0 ? 2 ** bits : 1;
    const at = this._now + wait;
    const end = Math.ceil(at / step) * step;

    let slot = this._slots.get(end);
    if (slot === undefined) {
      slot = new Slot(end);
      this._slots.set(end, slot);
    }
    if (slot.time < at) slot.time = at;
    entry.next = slot;
    entry.previous = slot.previous;
    slot.previous.next = entry;
    slot.previous = entry;
    if (!this._turning && (this._timer === null || slot.time < this._armed)) this._arm(slot.time);
  }

  /**
   * Takes an entry out, if it is in.
   *
   * @param {WheelEntry} entry
   */
  remove(entry) {
    const { next, previous } = entry;
    if (next === null || previous === null) return;
    next.previous = previous;
    previous.next = next;
    entry.next = entry.previous = null;
    if (next !== previous) return;
    // Neighbours on both sides are one: the slot, which is empty now.
    const { end } = /** @type {Slot} */ (next);
    if (this._slots.get(end) === next) this._slots.delete(end);
    if (this._slots.size === 0) this._disarm();
  }

  /** The process stays alive for the sake of the timer, until `letGo` has been called as often. */
  keepAlive() {
    this._keepingAlive++;
    if (this._keepingAlive === 1 && this._timer !== null) this._timer.ref?.();
  }

  /** Takes one `keepAlive` back. */
  letGo() {
    this._keepingAlive--;
    if (this._keepingAlive === 0 && this._timer !== null) this._timer.unref?.();
  }

  /** @param {number} time */
  _arm(time) {
    this._disarm();
    const wait = Math.min(Math.max(1, time - this.now()), LONGEST_TIMEOUT);
    this._armed = this._now + wait;
    this._timer = this._root.runInAsyncScope(() => setTimeout(this._fire, wait));
    if (this._keepingAlive === 0) this._timer.unref?.();
  }

  _disarm() {
    if (this._timer !== null) clearTimeout(this._timer);
    this._timer = null;
  }

  /** Calls what is due. Milliseconds by which the timer is late count as time in which the loop was blocked. */
  _onTimer() {
    this._timer = null;
    // A timer that is said to have expired has: clocks differ by fractions, and in tests by more.
    const late = performance.now() - this._lost - this._armed;
    if (late > PATIENCE) this._lost += late;
    if (this._armed > this._now) this._now = this._armed;
    this._turn();
  }

  /** Calls every entry whose time has come, and arms the timer for the next; what entries throw is thrown at the end. */
  _turn() {
    const now = this.now();
    const due = [...this._slots.values()].filter(({ time }) => time <= now).sort((one, other) => one.time - other.time);
    // Entries that move on do not come back to these.
    for (const { end } of due) this._slots.delete(end);
    const errors = [];
    this._turning = true;
    for (const slot of due) {
      while (slot.next !== slot) {
        const entry = /** @type {Entry} */ (slot.next);
        this.remove(entry);
        try {
          entry.onTime(now);
        } catch (error) {
          errors.push(error);
        }
      }
    }
    this._turning = false;
    if (this._slots.size > 0) this._arm(Math.min(...Array.from(this._slots.values(), ({ time }) => time)));
    throwAll(errors);
  }
}

module.exports = { WheelEntry, TimerWheel, wheel: new TimerWheel() };
