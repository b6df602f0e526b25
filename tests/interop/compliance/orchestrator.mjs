// The HTTP interface by which the compliance suite drives clones: see `Clone` in the suite.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Wire } from '../lib/wire.mjs';
import { Clone, JavaScript, Native } from './clones.mjs';

/** The suite takes each chunk for a message of its own, so each is written as one. */
const chunk = (response, message) => response.write(JSON.stringify(message));

/** What clones wait for one another, and before they connect again: everything is near. */
const NEAR = { networkTimeout: 1000, opts: { reconnectionDelay: 100, reconnectionDelayMax: 500 } };

export class Orchestrator {
  #clones = new Map();
  #domains = new Map();
  #server = createServer((request, response) => this.#serve(request, response));

  /** `mode`: which clones there are, `native`, `mixed` or `js`. */
  static async start(gateway, account, mode, binary) {
    const orchestrator = new Orchestrator();
    const { ca_file: ca } = gateway;
    const kinds = {
      ...mode !== 'js' && { native: new Native(binary, ca) },
      ...mode !== 'native' && { js: new JavaScript(ca) }
    };
    Object.assign(orchestrator, { gateway, account, kinds });
    orchestrator.#server.listen(0, 'localhost');
    await once(orchestrator.#server, 'listening');
    orchestrator.url = `http://localhost:${orchestrator.#server.address().port}`;
    return orchestrator;
  }

  async #serve(request, response) {
    const url = new URL(request.url, this.url);
    const query = Object.fromEntries(url.searchParams);
    try {
      const body = await read(request);
      await this.#routes[url.pathname.slice(1)](query, body, response);
    } catch (error) {
      if (process.env.COMPLIANCE_LOG)
        console.error(new Date().toISOString(), url.pathname, query, error.message);
      if (response.headersSent)
        return response.end();
      response.statusCode = 500;
      reply(response, { code: 'InternalServer', message: error.message });
    }
  }

  #routes = {
    start: async ({ cloneId, domain }, config, response) => {
      const clone = this.#clones.get(cloneId) ?? await this.#create(cloneId, domain, config?.kind);
      if (clone.runs)
        throw new Error(`${cloneId} is started already`);
      clone.removeAllListeners();
      // What happens before `start` gives the first status is told after it.
      const early = [];
      let tell = message => early.push(message);
      clone
        .on('status', body => tell({ '@type': 'status', body }))
        .on('update', body => tell({ '@type': 'updated', body }))
        .on('closed', () => response.headersSent && response.end())
        .on('gone', () => response.headersSent && response.end());
      await clone.start(await this.#config(clone, domain, config));
      response.setHeader('transfer-encoding', 'chunked');
      chunk(response, { '@type': 'started', cloneId });
      tell = message => response.writableEnded || chunk(response, message);
      early.forEach(tell);
    },

    transact: async ({ cloneId }, pattern, response) => {
      const clone = this.#clone(cloneId);
      const reads = ['@describe', '@select', '@construct'].some(key => key in pattern);
      const subjects = reads ? await clone.read(pattern) : (await clone.write(pattern), []);
      response.setHeader('transfer-encoding', 'chunked');
      for (const subject of subjects)
        chunk(response, subject);
      response.end();
    },

    stop: async ({ cloneId }, _, response) => {
      await this.#clone(cloneId).stop();
      reply(response, { '@type': 'stopped', cloneId });
    },

    kill: async ({ cloneId }, _, response) => {
      await this.#clone(cloneId).kill();
      reply(response, { '@type': 'killed', cloneId });
    },

    destroy: async ({ cloneId }, _, response) => {
      const clone = this.#clones.get(cloneId);
      try {
        await clone?.stop();
      } finally {
        clone?.destroy();
        this.#clones.delete(cloneId);
      }
      reply(response, { '@type': 'destroyed', cloneId });
    },

    partition: async ({ cloneId, state }, _, response) => {
      this.#clone(cloneId).wire.closed = state !== 'false';
      reply(response, { '@type': 'partitioned', state });
    }
  };

  #clone(id) {
    const clone = this.#clones.get(id);
    if (clone == null)
      throw new Error(`there is no clone ${id}`);
    return clone;
  }

  /** A clone of a kind. If none is asked for, kinds take turns in each domain, and at being the first. */
  async #create(id, name, asked) {
    const domain = await this.domain(name);
    const kinds = Object.values(this.kinds);
    const kind = this.kinds[asked] ?? kinds[domain.turn++ % kinds.length];
    const wire = await Wire.to(new URL(this.gateway.origin).port);
    const clone = new Clone(id, kind, wire);
    this.#clones.set(id, clone);
    return clone;
  }

  /** A domain of the suite has a subdomain of the gateway, whose name this tells. */
  domain(name) {
    if (!this.#domains.has(name)) {
      const turn = this.#domains.size + Number(process.env.COMPLIANCE_TURN ?? 0);
      const made = this.gateway.configuration(this.account)
        .then(({ '@domain': domain }) => ({ domain, turn, genesis: true }));
      this.#domains.set(name, made);
    }
    return this.#domains.get(name);
  }

  async #config(clone, name, { '@domain': _, kind, ...config } = {}) {
    const domain = await this.domain(name);
    const { genesis } = domain;
    domain.genesis = false;
    return {
      '@id': clone.id,
      '@domain': domain.domain,
      genesis,
      networkTimeout: NEAR.networkTimeout,
      io: { uri: `https://localhost:${clone.wire.port}`, opts: { ...NEAR.opts, transports: ['websocket'] } },
      ...config
    };
  }

  /** Ends all clones. */
  async close() {
    await Promise.allSettled([...this.#clones.values()].map(clone => clone.kill()));
    this.#clones.forEach(clone => clone.destroy());
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

async function read(request) {
  const chunks = [];
  for await (const chunk of request)
    chunks.push(chunk);
  return chunks.length ? JSON.parse(Buffer.concat(chunks)) : undefined;
}

function reply(response, message) {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(message));
}
