// Whether bytes are an operation message, as far as a relay has to know.
import { gunzipSync } from 'node:zlib';
import msgpack from '@ably/msgpack-js';

const MOST = 1 << 24;
const DEEPEST = 256;
const isBytes = value => Buffer.isBuffer(value);
const isCount = value => Number.isSafeInteger(value) && value >= 0;
const isTextOrNull = value => value === null || typeof value == 'string';

function isClock(time, depth = 0) {
  if (isCount(time))
    return true;
  if (!Array.isArray(time) || time.length > 3 || depth > DEEPEST)
    return false;
  const [ticks, ...children] = time.length === 2 ? [0, ...time] : time;
  return time.length === 0 || isCount(ticks) && children.every(child => isClock(child, depth + 1));
}

const isAttribution = attr => attr === null || typeof attr?.pid == 'string' && isBytes(attr.sig);
const isAgreement = agreed => agreed === null || Array.isArray(agreed) && isCount(agreed[0]);

/** Judges one message. */
export function isOperation(message) {
  try {
    if (!isBytes(message))
      return false;
    const { prev, enc, attr } = msgpack.decode(message);
    if (!isCount(prev) || !isBytes(enc) || !isAttribution(attr))
      return false;
    const [version, from, time, update, encoding, principal = null, agreed = null] = msgpack.decode(enc);
    return [3, 4, 5].includes(version) && isCount(from) && Array.isArray(time) && isClock(time) &&
      isBytes(update) && isTextOrNull(principal) && isAgreement(agreed) && isUpdate(update, encoding);
  } catch {
    return false;
  }
}

function isUpdate(bytes, encoding) {
  if (encoding.includes(3))
    return true; // only the clones can open what they have encrypted
  const inflated = encoding.toReversed().reduce((data, code) => {
    switch (code) {
      case 0: return JSON.parse(data);
      case 1: return msgpack.decode(data);
      case 2: return gunzipSync(data, { maxOutputLength: MOST });
      default: throw new RangeError('encoding');
    }
  }, bytes);
  return Array.isArray(inflated) && inflated.length >= 2 && inflated.length <= 3 &&
    inflated.every(part => part != null && typeof part == 'object');
}
