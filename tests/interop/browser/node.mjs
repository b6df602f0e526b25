// What Node.js has of itself, and pages do not: packages that the engine uses expect it.
import { Buffer } from 'buffer';

export { Buffer };
export const process = { env: {}, browser: true, nextTick: (call, ...args) => queueMicrotask(() => call(...args)) };
