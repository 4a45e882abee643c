'use strict';

/**
 * One timer of Node's for all connections of this thread. A connection that waits for several times is in the slot of the
 * earliest only, in a linked list: to move or remove it needs no allocation.
 */
const { performance } = require('perf_hooks');

const AsyncContext = require('./async_context');
const LONGEST_TIMEOUT = require('./longest_timeout');
const { throwAll } = require('./sequence');
const { MOST_LATE } = require('./time_limit');

/** Entries share a slot if their times differ by no more than a 64th (two to this power) of their wait. */
const SLOT_BITS = 6;

/** @typedef {Slot | WheelEntry} Link of a ring */

/** Entries that are called at the same time, the latest that any of them waits for; the head of their linked list. */
class Slot {
  /** @param {number} end milliseconds of the wheel's clock */
  constructor(end) {
    /** The latest time that belongs to this slot. */
    this.end = end;
    this.time = 0;
    /** @type {Link} */
    this.next = this;
    /** @type {Link} */
    this.previous = this;
  }
}

/**
 * An entry of a slot. Classes that extend it have a method `onTime(now)`, which is called when the entry's time has come and
 * the entry was removed from its slot.
 */
class WheelEntry extends AsyncContext {
  constructor() {
    // Listeners are called in the async context of the code that has made the connection.
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
     * Slots by their ends. As there are at most 128 for each power of two of a wait, the earliest is searched among all.
     *
     * @type {Map<number, Slot>}
     */
    this._slots = new Map();
    this._timer = null;
    /** The time for which the timer is set. */
    this._armed = 0;
    /** Whether entries are being called; the timer is set again after the last of them. */
    this._turning = false;
    this._keepingAlive = 0;
    /** The time in which the loop was blocked, altogether. */
    this._lost = 0;
    this._now = 0;
    // The timer is of no connection, and must not keep the async context of one alive.
    this._root = new AsyncContext('FAYE_WEBSOCKET_TIMERS');
    this._fire = () => this._onTimer();
  }

  /**
   * Milliseconds, which never decrease. Time in which the loop was blocked does not count, as input of peers could not be
   * read in it.
   *
   * @returns {number}
   */
  now() {
    const now = Math.floor(performance.now() - this._lost);
    if (now > this._now) this._now = now;
    return this._now;
  }

  /**
   * Has `entry.onTime` called at `time`, or up to a 64th of the wait later; an earlier time of the entry is replaced.
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
   * Removes an entry, if it is in a slot.
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
    // Both neighbours are the same: the slot, which is empty now.
    const { end } = /** @type {Slot} */ (next);
    if (this._slots.get(end) === next) this._slots.delete(end);
    if (this._slots.size === 0) this._disarm();
  }

  /** Has the timer keep the process alive, until `letGo` was called as often. */
  keepAlive() {
    this._keepingAlive++;
    if (this._keepingAlive === 1 && this._timer !== null) this._timer.ref?.();
  }

  /** Undoes one `keepAlive`. */
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

  /** Calls the entries that are due. The time by which the timer is late is time in which the loop was blocked. */
  _onTimer() {
    this._timer = null;
    // The timer has expired, also if its clock differs from ours by fractions, or in tests with mocked timers by more.
    const late = performance.now() - this._lost - this._armed;
    if (late > MOST_LATE) this._lost += late;
    if (this._armed > this._now) this._now = this._armed;
    this._turn();
  }

  /** Calls every entry whose time has come, and sets the timer for the next one; exceptions are thrown at the end. */
  _turn() {
    const now = this.now();
    const due = [...this._slots.values()].filter(({ time }) => time <= now).sort((one, other) => one.time - other.time);
    // Entries that are set again while others are called must not join these slots.
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
