// A transport between JavaScript clones in one process. Messages arrive at once, except operations while they are held.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);
// The base class of all transports is not among what the package exports, so it is taken by its file.
const engine = dirname(require.resolve('@m-ld/m-ld'));
const { PubsubRemotes } = require(join(engine, 'engine/remotes/PubsubRemotes.js'));

/** Makes a bus, whose `Remotes` is what a clone is constructed with. */
export function makeBus() {
  const members = new Map();
  const present = new Set();
  const bus = {
    /** Operations that were sent while held, in order; null to deliver them. */
    held: null,
    /** Delivers operations to a clone. */
    deliver(id, operations) {
      for (const operation of operations)
        members.get(id).onOperation(operation);
    },
    leave: id => {
      members.delete(id);
      present.delete(id);
      tell();
    }
  };
  const tell = () => {
    for (const member of members.values())
      member.onPresenceChange([...present]);
  };
  bus.Remotes = class extends PubsubRemotes {
    constructor(config, extensions) {
      super(config, extensions);
      members.set(this.id, this);
      setImmediate(async () => {
        await this.onConnect();
        tell();
      });
    }
    async publishOperation(operation) {
      if (bus.held != null)
        return bus.held.push(operation);
      for (const member of members.values())
        if (member !== this)
          member.onOperation(operation);
    }
    async setPresent(isPresent) {
      if (isPresent)
        present.add(this.id);
      else
        present.delete(this.id);
      tell();
    }
    // What is published is handled later: a sender does not wait for that.
    notifier = ({ toId, channelId }) => ({
      id: channelId,
      publish: async message => { setImmediate(() => members.get(toId)?.onNotify(channelId, message)); }
    });
    sender = params => ({
      id: params.toId,
      publish: async message => { setImmediate(() => members.get(params.toId)?.onSent(message, params)); }
    });
    replier = params => ({
      id: params.toId,
      publish: async message => { setImmediate(() => members.get(params.toId)?.onReply(message, params)); }
    });
  };
  return bus;
}
