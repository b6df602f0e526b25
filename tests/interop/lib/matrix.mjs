// What every scenario is run with.

/** The packages of the engines under test. */
export const ENGINES = { '0.10.0': '@m-ld/m-ld', edge: 'm-ld-edge' };

/** Options of the Socket.io client that fix its transport. */
export const TRANSPORTS = {
  websocket: { transports: ['websocket'] },
  polling: { transports: ['polling'], upgrade: false }
};

const short = process.env.INTEROP === 'short';

/** Each engine over each transport; when short, each engine and each transport once. */
export const cells = Object.keys(ENGINES).flatMap(engine => Object.keys(TRANSPORTS)
  .map(transport => ({ engine, transport, label: `${engine} over ${transport}` })))
  .filter(({ engine, transport }) => !short || (engine === '0.10.0') === (transport === 'websocket'));

/** Both transports, or the one that most clients end with. */
export const transports = short ? ['websocket'] : Object.keys(TRANSPORTS);
