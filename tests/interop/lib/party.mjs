// Clones of one domain, started and stopped together.
import { CloneProcess } from './clone-process.mjs';
import { cloneId } from './ids.mjs';
import { ENGINES, TRANSPORTS } from './matrix.mjs';
import { NativeProcess } from './native-process.mjs';

/** Properties that every clone of these tests holds as shared text. */
export const TEXT = ['story'];

/** How long clones wait for one another: they sometimes ask each other at once, and then both wait in vain. */
export const NETWORK_TIMEOUT = 1500;

/** A set of clones of one domain on one gateway. */
export class Party {
  clones = [];

  /** `config` is as the gateway gave it for the first clone; `transport` a name of `TRANSPORTS`. */
  constructor(gateway, config, { transport = 'websocket', engine = '0.10.0' } = {}) {
    Object.assign(this, { gateway, config, transport, engine });
  }

  /**
   * Starts one more clone: the first one is the genesis. `auth` replaces the handshake's, `config` adds to the
   * configuration, `text` are the properties that are shared text. The engine `native` is ours, over WebSocket, and with
   * `data`, a folder, keeps its data.
   */
  async join(name, {
    engine = this.engine, transport = this.transport, auth, genesis = this.clones.length === 0, config, data, text = TEXT
  } = {}) {
    const Process = engine === 'native' ? NativeProcess : CloneProcess;
    const clone = new Process({ ca: this.gateway.ca_file, name, data });
    this.clones.push(clone);
    const { io } = this.config;
    await clone.start(ENGINES[engine], {
      networkTimeout: NETWORK_TIMEOUT,
      ...this.config,
      ...config,
      '@id': cloneId(name),
      genesis,
      io: { ...io, opts: { ...io.opts, ...auth && { auth }, ...TRANSPORTS[engine === 'native' ? 'websocket' : transport] } }
    }, { text });
    // Not before it is seen: whoever joins next needs somebody there.
    await clone.status({ online: true, outdated: false });
    return clone;
  }

  /** Ends all processes, whatever happened. */
  async stop() {
    await Promise.allSettled(this.clones.map(clone => clone.stop()));
  }
}
