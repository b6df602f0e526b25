// Socket.io clients that are no clones: they can break every rule.
import { io } from 'socket.io-client';
import { cloneId } from './ids.mjs';
import { TRANSPORTS } from './matrix.mjs';
import { within } from './wait.mjs';

const CONNECT_MS = 15_000;

/** Connects; rejects with what the gateway says if it refuses. */
export async function connectRaw(gateway, { domain, id = cloneId('raw'), auth, transport = 'websocket', query }) {
  const socket = io(gateway.origin, {
    ...TRANSPORTS[transport],
    ca: gateway.ca, forceNew: true, reconnection: false, auth,
    query: query ?? { '@id': id, '@domain': domain }
  });
  const raw = new Raw(socket, id);
  try {
    await within(CONNECT_MS, `an answer to ${id}`, new Promise((resolve, reject) => {
      socket.once('connect', resolve).once('connect_error', reject);
    }));
  } catch (error) {
    socket.close();
    throw error;
  }
  return raw;
}

/** Why the gateway refuses; fails if it does not. */
export async function refusal(gateway, options) {
  let raw;
  try {
    raw = await connectRaw(gateway, options);
  } catch (error) {
    return error.message;
  }
  raw.close();
  throw new Error(`let in: ${JSON.stringify({ ...options, auth: Object.keys(options.auth ?? {}) })}`);
}

class Raw {
  /** Every event but `presence` that came, as [name, …arguments]. */
  heard = [];
  /** The clones that are present, as told last. */
  present = undefined;
  /** Why the connection ended. */
  ended = undefined;
  #over;

  constructor(socket, id) {
    Object.assign(this, { socket, id });
    socket.onAny((event, ...args) => event === 'presence' ? this.present = args[0] : this.heard.push([event, ...args]));
    this.#over = new Promise(resolve => socket.once('disconnect', reason => resolve(this.ended = reason)));
  }

  /** Waits until the gateway has ended the connection. */
  disconnected(ms = 10_000) {
    return within(ms, `${this.id} is disconnected`, this.#over);
  }

  /** Emits with an acknowledgement; gives its first argument, or "disconnected". */
  ask(...args) {
    return within(10_000, `an answer to ${args[0]}`, Promise.race([
      new Promise(resolve => this.socket.emit(...args, resolve)),
      this.#over.then(() => 'disconnected')
    ]));
  }

  /** Sends text as one packet under Socket.io (WebSocket only). */
  frame(text) {
    this.socket.io.engine.transport.ws.send(text);
  }

  /** Breaks the connection without a word. */
  cut() {
    const { engine } = this.socket.io;
    engine.transport.ws == null ? engine.close() : engine.transport.ws.terminate();
  }

  close() {
    this.socket.close();
  }
}
