// Chance that can be had again.

/** A source of chance: the same for the same seed (mulberry32). */
export class Random {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** A number from 0 up to but not 1. */
  unit() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ this.#state >>> 15, this.#state | 1);
    mixed = (mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61)) ^ mixed;
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 up to but not `end`. */
  below(end) {
    return Math.floor(this.unit() * end);
  }

  /** One of `things`. */
  of(things) {
    return things[this.below(things.length)];
  }

  /** A source of its own for somebody, so that what others draw does not matter to it. */
  fork() {
    return new Random(this.below(2 ** 32));
  }
}
