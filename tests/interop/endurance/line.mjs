// A network that is bad by turns.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** How late what goes over a slow line can be, each way. */
const LATE_MS = 150;
/** Bytes that a line holds back each way before it takes no more, as a network's queues do. */
const HELD_BYTES = 1 << 20;

/**
 * A way to the gateway. Its `weather` is
 *
 * - `fair`: all goes through at once;
 * - `slow`: all goes through late, by chance;
 * - `still`: nothing goes through until the weather changes, and then all of it;
 * - `lost`: all that is sent vanishes, which neither end is told of; when that is over, so are the connections;
 * - `cut`: connections break, and nobody answers.
 */
export class Line {
  #weather = 'fair';
  #flows = new Set();
  #server = createServer({ pauseOnConnect: true }, near => this.#carry(near));

  /** `random` says how late things are. */
  static async to(port, random) {
    const line = new Line();
    Object.assign(line, { target: port, random });
    line.#server.listen(0, 'localhost');
    await once(line.#server, 'listening');
    line.#server.unref();
    line.port = line.#server.address().port;
    return line;
  }

  get weather() { return this.#weather; }

  set weather(weather) {
    const breaks = weather === 'cut' || this.#weather === 'lost';
    this.#weather = weather;
    for (const flow of this.#flows)
      breaks ? flow.break() : flow.run();
  }

  end() {
    this.weather = 'cut';
    this.#server.close();
  }

  #carry(near) {
    if (this.#weather === 'cut')
      return near.destroy();
    const far = connect(this.target, 'localhost');
    for (const [from, to] of [[near, far], [far, near]]) {
      const flow = new Flow(this, from, to);
      this.#flows.add(flow);
      from.once('close', () => {
        this.#flows.delete(flow);
        to.destroy();
      });
    }
  }
}

/** One way of one connection. */
class Flow {
  #held = [];
  #bytes = 0;
  #runs = false;

  constructor(line, from, to) {
    Object.assign(this, { line, from, to });
    from.on('error', () => { /* told by `close` */ });
    from.setNoDelay(true);
    from.on('data', piece => this.#take(piece));
    from.resume();
  }

  break() {
    this.from.destroy();
  }

  #take(piece) {
    if (this.line.weather === 'lost')
      return;
    this.#held.push(piece);
    this.#bytes += piece.length;
    if (this.#bytes > HELD_BYTES)
      this.from.pause();
    this.run();
  }

  /** Carries what is held, in order, as the weather has it. */
  async run() {
    if (this.#runs)
      return;
    this.#runs = true;
    while (this.#held.length > 0 && this.line.weather !== 'still') {
      if (this.line.weather === 'slow')
        await delay(this.line.random.below(LATE_MS), undefined, { ref: false });
      const piece = Buffer.concat(this.#held.splice(0));
      this.#bytes = 0;
      if (this.line.weather !== 'lost' && !this.to.destroyed && !this.to.write(piece))
        await drained(this.to);
    }
    this.#runs = false;
    if (this.#bytes <= HELD_BYTES)
      this.from.resume();
  }
}

/** Waits until a socket takes more, or is closed. */
function drained(socket) {
  return new Promise(resolve => {
    const done = () => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
  });
}
