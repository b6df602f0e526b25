// Operation messages, well-formed and otherwise, as a stranger could send them.
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import msgpack from '@ably/msgpack-js';

const pack = value => Buffer.from(msgpack.encode(value));

/** The operation message that a genesis clone's `tick`th write gives; any part can be replaced. */
export function operation(tick, { message = {}, parts = {}, update = [{}, { '@id': `s${tick}`, n: tick }] } = {}) {
  const whole = {
    version: 5, from: tick, time: [tick], update: pack(update), encoding: [1], principal: null, agreed: null, ...parts
  };
  return pack({ prev: tick - 1, enc: pack(Object.values(whole)), attr: null, ...message });
}

const nested = depth => Buffer.concat([Buffer.alloc(depth, 0x91), Buffer.from([0xc0])]);
/** A map {"@id": "x", "p": ≪`length` zero bytes≫} in an update, compressed a thousandfold. */
function bomb(length) {
  const head = Buffer.concat([Buffer.from([0x92, 0x80, 0x82]), pack('@id'), pack('x'), pack('p'), Buffer.from([0xc6])]);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(length);
  return gzipSync(Buffer.concat([head, size, Buffer.alloc(length)]), { level: 1 });
}
const gzip = update => ({ update: update, encoding: [1, 2] });
const whole = operation(1);
const withAttr = attr => operation(1, { message: { attr } });
const withPart = parts => operation(1, { parts });

/** What no clone may receive, by name. */
export const poison = {
  'nothing': Buffer.alloc(0),
  'garbage': Buffer.concat([Buffer.from([0xc1]), randomBytes(200)]),
  'text in bytes': Buffer.from('{"prev":0,"enc":"","attr":null}'),
  'a message cut in its head': whole.subarray(0, 3),
  'a message cut in its operation': whole.subarray(0, whole.length >> 1),
  'a message without its last byte': whole.subarray(0, -1),
  'a message with a byte too many': Buffer.concat([whole, Buffer.from([0])]),
  'an array for a message': pack([0, Buffer.alloc(1), null]),
  'a negative tick': operation(1, { message: { prev: -1 } }),
  'text for a tick': operation(1, { message: { prev: '0' } }),
  'text for an operation': operation(1, { message: { enc: 'abc' } }),
  'an operation cut short': operation(1, { message: { enc: pack([5, 1, [1]]) } }),
  'an operation that is a map': operation(1, { message: { enc: pack({ version: 5 }) } }),
  'an operation nested without end': operation(1, { message: { enc: nested(50_000) } }),
  'no attribution member': pack({ prev: 0, enc: pack([5, 1, [1], pack([{}, {}]), [1], null, null]) }),
  'a number for an attribution': withAttr(7),
  'an attribution without a signature': withAttr({ pid: 'http://example.org/#me' }),
  'version 2': withPart({ version: 2 }),
  'version 6': withPart({ version: 6 }),
  'a text for a version': withPart({ version: '5' }),
  'a negative first tick': withPart({ from: -3 }),
  'a text for a time': withPart({ time: 'now' }),
  'a time of nobody': withPart({ time: 1 }),
  'a time of four members': withPart({ time: [1, 2, 3, 4] }),
  'a time nested without end': withPart({ time: Array.from({ length: 2000 }).reduce(time => [time, 0], [1]) }),
  'a map for an update': withPart({ update: { '@id': 'x' } }),
  'an update that is garbage': withPart({ update: Buffer.from([0xc1, 0xff, 0x00]) }),
  'an update of one member': operation(1, { update: [{}] }),
  'an update of texts': operation(1, { update: ['a', 'b'] }),
  'an update nested without end': withPart({ update: nested(50_000) }),
  'an unknown encoding': withPart({ encoding: [9] }),
  'a number for encodings': withPart({ encoding: 1 }),
  'a gzip that is none': withPart(gzip(Buffer.from('not a gzip'))),
  'a gzip cut short': withPart(gzip(gzipSync(pack([{}, { '@id': 'x', p: 'y'.repeat(2000) }])).subarray(0, -12))),
  'a gzip bomb': withPart(gzip(bomb(192 << 20))),
  'a number for a principal': withPart({ principal: 5 }),
  'a text for an agreement': withPart({ agreed: 'yes' })
};

/** Well-formed operations that a JavaScript clone cannot apply: it would close. */
export const fatal = {
  'a JSON literal': operation(1, { update: [{}, {
    '@id': 'x', p: { '@type': '@json', '@value': { a: 1 }, '@id': 'abc' }
  }] }),
  'a text with a character of two units': operation(1, { update: [{}, {
    '@id': 'x', story: {
      '@type': 'http://ext.m-ld.org/tseq/TSeq', '@id': 'txt1',
      '@value': { tick: 1, rest: [['p1', 0, ['\u{1F600}', 1]]] }
    }
  }] })
};

/** Arguments of the event `operation` that are no operation. */
export const notBytes = {
  'no argument': [],
  'null': [null],
  'a text': ['operation'],
  'a number': [42],
  'a map': [{ prev: 0 }],
  'a map with bytes': [{ bytes: whole }],
  'an array of bytes': [[whole]],
  'two byte strings': [whole, whole],
  'bytes and a text': [whole, 'more']
};
