// The plainest gateway that the interoperability scripts accept: m-ld's own Socket.io rules on the `socket.io`
// package, accounts in a file. It shows that a failing script fails because of the gateway, not the script.
//
// It has no limits, no hardening and no store to speak of: never run it where others can reach it.
import { execFileSync } from 'node:child_process';
import {
  constants, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign, timingSafeEqual, verify
} from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Server } from 'socket.io';
import { isOperation } from './judge.mjs';

const { values: args } = parseArgs({
  options: { json: { type: 'boolean' }, listen: { type: 'string' }, data: { type: 'string' } }
});
const DOMAIN = 'localhost.test';
const ROOT = 'root';
const UUID = /^c[a-z0-9]{24}$/;
const COMPONENT = /^[a-z0-9_-]{1,63}$/;

// ---- What is stored

mkdirSync(args.data, { recursive: true, mode: 0o700 });
const storeFile = join(args.data, 'store.json');
const store = existsSync(storeFile) ? JSON.parse(readFileSync(storeFile, 'utf8')) : { accounts: {} };
const save = () => writeFileSync(storeFile, JSON.stringify(store));
const account = name => Object.hasOwn(store.accounts, name) ? store.accounts[name] : undefined;

function mint(name) {
  const keyid = randomBytes(4).toString('hex').slice(0, 6);
  const secret = randomBytes(37).toString('hex');
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'der', cipher: 'aes-256-cbc', passphrase: secret }
  });
  store.accounts[name] ??= { keys: {}, naming: [], remotesAuth: [], email: [], subdomains: [] };
  store.accounts[name].keys[keyid] = {
    secret, public: publicKey.toString('base64'), private: privateKey.toString('base64')
  };
  save();
  return { key: `${ROOT}.${keyid}:${secret}`, keyid };
}

if (account(ROOT) == null)
  store.rootKey = mint(ROOT).key;

// ---- Who may do what

class Refused extends Error {
  constructor(status, code) {
    super(code);
    this.status = status;
  }
}
const unauthorized = () => new Refused(401, 'Unauthorized');
const forbidden = () => new Refused(403, 'Forbidden');

function byKey(user, text) {
  const [, keyid, secret] = /^[^.]+\.(\w{5,}):(.+)$/.exec(text ?? '') ?? [];
  const key = account(user)?.keys[keyid];
  if (key == null || key.secret.length !== secret.length || !timingSafeEqual(Buffer.from(key.secret), Buffer.from(secret)))
    throw unauthorized();
  return { user, keyid, secret };
}

function byJwt(jwt) {
  try {
    const [head, body, signature] = jwt.split('.');
    const { alg, kid } = JSON.parse(Buffer.from(head, 'base64url'));
    const { iss, exp } = JSON.parse(Buffer.from(body, 'base64url'));
    const user = iss.replace(`http://${DOMAIN}/`, '');
    const key = createPublicKey({ key: Buffer.from(account(user).keys[kid].public, 'base64'), format: 'der', type: 'spki' });
    const signed = verify('sha256', Buffer.from(`${head}.${body}`),
      { key, padding: constants.RSA_PKCS1_PADDING }, Buffer.from(signature, 'base64url'));
    if (alg === 'RS256' && signed && !(exp * 1000 <= Date.now()))
      return { user, keyid: kid };
  } catch { /* whatever is wrong with it, it lets nobody in */ }
  throw unauthorized();
}

function admit(domain, auth = {}) {
  if (domain !== DOMAIN && !domain.endsWith(`.${DOMAIN}`))
    throw new Refused(404, 'Bad gateway');
  const root = auth.user === ROOT ? byKey(ROOT, auth.key) : undefined;
  if (domain === DOMAIN) {
    if (root == null)
      throw unauthorized();
    return root;
  }
  const [name, owner, ...more] = domain.slice(0, -DOMAIN.length - 1).split('.');
  if (more.length > 0 || owner == null || account(owner) == null)
    throw unauthorized();
  const { remotesAuth, subdomains } = account(owner);
  const principal = root ?? admitted(owner, remotesAuth, UUID.test(name), auth);
  if (!UUID.test(name) && !subdomains.includes(name))
    throw new Refused(404, 'NotFound');
  return principal;
}

function admitted(owner, remotesAuth, uuid, { user, key, jwt }) {
  if (user == null && jwt == null) {
    if (!uuid || !remotesAuth.includes('anon'))
      throw unauthorized();
    return {};
  }
  if (jwt != null ? !remotesAuth.includes('jwt') : remotesAuth.length > 0 && !remotesAuth.includes('key'))
    throw unauthorized();
  const principal = jwt != null ? byJwt(jwt) : byKey(user, key);
  if (principal.user !== owner)
    throw forbidden();
  return principal;
}

// ---- HTTP

function caller(request) {
  const [scheme, value] = (request.headers.authorization ?? '').split(' ');
  if (scheme === 'Bearer')
    return byJwt(value);
  const [, user, key] = /^([^:]*):(.*)$/s.exec(Buffer.from(value ?? '', 'base64').toString()) ?? [];
  return byKey(user?.replace(`http://${DOMAIN}/`, ''), key);
}

function owner(request, name) {
  const principal = caller(request);
  if (principal.user !== name && principal.user !== ROOT)
    throw forbidden();
  return principal;
}

const MEMBERS = { email: /@/, naming: /^(any|uuid)$/, remotesAuth: /^(anon|key|jwt)$/ };

function patch(name, { '@insert': insert = {}, '@delete': remove = {} }) {
  const { key: revoked, ...rest } = remove;
  for (const [member, value] of [...Object.entries(insert), ...Object.entries(rest)]) {
    if (!Object.hasOwn(MEMBERS, member) || ![value].flat().every(one => MEMBERS[member].test(one)))
      throw new Refused(400, 'BadRequest');
  }
  const target = account(name);
  for (const [member, value] of Object.entries(rest))
    target[member] = target[member].filter(old => ![value].flat().includes(old));
  for (const [member, value] of Object.entries(insert))
    target[member] = [...new Set([...target[member], ...[value].flat()])];
  for (const keyid of [revoked ?? []].flat()) {
    delete target.keys[keyid];
    for (const socket of io.sockets.sockets.values()) {
      if (socket.data.keyid === keyid)
        socket.conn.close();
    }
  }
  save();
}

function configuration(name, owner, request, genesis) {
  const { remotesAuth } = account(owner);
  const opts = {};
  if (remotesAuth.includes('jwt') && request.headers.authorization) {
    const { user, keyid, secret } = caller(request);
    const encode = value => Buffer.from(JSON.stringify(value)).toString('base64url');
    const exp = Math.floor(Date.now() / 1000) + 600;
    const text = `${encode({ alg: 'RS256', typ: 'JWT', kid: keyid })}.${encode({ iss: `http://${DOMAIN}/${user}`, exp })}`;
    const key = createPrivateKey({
      key: Buffer.from(account(user).keys[keyid].private, 'base64'), format: 'der', type: 'pkcs8', passphrase: secret
    });
    opts.auth = { jwt: `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}` };
  } else if (remotesAuth.length === 0 || remotesAuth.includes('key')) {
    opts.auth = { user: owner, key: '≪your-auth-key≫' };
  }
  return { '@domain': `${name}.${owner}.${DOMAIN}`, genesis, io: { uri: `${origin()}/`, opts } };
}

function route(request, url, body) {
  const [, kind, name, last] = url.pathname.replace('/api/v1', '').split('/');
  if (!COMPONENT.test(name))
    throw new Refused(404, 'NotFound');
  switch (`${request.method} ${kind}${last == null ? '' : kind === 'user' ? `/${last}` : '/_'}`) {
    case 'POST user/key':
      owner(request, name);
      return minted(name, url.searchParams.get('type') === 'rsa');
    case 'PATCH user':
      owner(request, name);
      return patch(name, body);
    case 'POST domain':
      return subdomain(request, name, body.name);
    case 'PUT domain/_':
      return named(request, name, last);
    default:
      throw new Refused(404, 'NotFound');
  }
}

function minted(name, pair) {
  const { key, keyid } = mint(name);
  const { public: spki, private: pkcs8 } = account(name).keys[keyid];
  return { auth: { key }, ...pair && { key: { type: 'rsa', public: spki, private: pkcs8 } } };
}

function subdomain(request, owner, asked) {
  const name = asked ?? `c${randomBytes(12).toString('hex')}`;
  if (!UUID.test(name))
    return named(request, owner, name);
  if (!account(owner)?.naming.includes('uuid'))
    throw new Refused(405, 'MethodNotAllowed');
  return configuration(name, owner, request, asked == null);
}

function named(request, ownerName, name) {
  owner(request, ownerName);
  if (!COMPONENT.test(name))
    throw new Refused(404, 'NotFound');
  const { subdomains } = account(ownerName);
  if (!subdomains.includes(name))
    subdomains.push(name);
  save();
  return configuration(name, ownerName, request, false);
}

async function serve(request, response) {
  const chunks = [];
  for await (const chunk of request)
    chunks.push(chunk);
  const answer = (status, type, value) => response.writeHead(status, { 'content-type': type })
    .end(value === undefined ? undefined : JSON.stringify(value));
  try {
    const result = route(request, new URL(request.url, origin()), JSON.parse(Buffer.concat(chunks).toString() || '{}'));
    result === undefined ? answer(204, 'text/plain') : answer(200, 'application/json', result);
  } catch (error) {
    const { status = 400, message } = error;
    answer(status, 'application/problem+json', { status, code: message, message });
  }
}

// ---- Certificates, sockets, the ready line

function certificate() {
  const at = name => join(args.data, name);
  if (!existsSync(at('ca.pem'))) {
    const openssl = (...rest) => execFileSync('openssl', rest, { stdio: 'pipe' });
    const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    openssl('req', '-x509', ...newKey, '-keyout', at('ca.key'), '-out', at('ca.pem'), '-days', '30', '-subj', '/CN=reference CA');
    openssl('req', ...newKey, '-keyout', at('leaf.key'), '-out', at('leaf.csr'), '-subj', '/CN=localhost');
    writeFileSync(at('san'), 'subjectAltName=DNS:localhost,IP:127.0.0.1');
    openssl('x509', '-req', '-in', at('leaf.csr'), '-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial',
      '-days', '30', '-extfile', at('san'), '-out', at('leaf.pem'));
  }
  return { key: readFileSync(at('leaf.key')), cert: readFileSync(at('leaf.pem')) };
}

const server = createServer(certificate(), (request, response) => { serve(request, response); });
const io = new Server(server, { cors: { origin: '*' }, maxHttpBufferSize: 1 << 20, serveClient: false });

io.use((socket, next) => {
  const { '@id': id, '@domain': domain } = socket.handshake.query;
  try {
    if (typeof id != 'string' || !id || id.includes('/') || id === 'present' || typeof domain != 'string')
      throw new Refused(400, 'BadRequest');
    const { keyid } = admit(domain, socket.handshake.auth ?? {});
    const [other] = [...io.sockets.sockets.values()].filter(({ data }) => data.id === id && data.domain === domain);
    if (other != null && other.data.keyid !== keyid)
      throw forbidden();
    other?.conn.close();
    socket.data = { id, domain, keyid };
    next();
  } catch (error) {
    next(error);
  }
});

io.on('connection', socket => {
  const { id, domain } = socket.data;
  const room = `${domain}/${id}`;
  const presentRoom = `${domain}/present`;
  const present = () => [...io.of('/').adapter.rooms.get(presentRoom) ?? []].map(sid => io.sockets.sockets.get(sid)?.data.id);
  const tellPresence = () => io.in(domain).emit('presence', present().filter(one => one != null));
  const drop = () => socket.conn.close();
  socket.join([domain, room]);
  socket.emit('presence', present());
  socket.use(([event, ...eventArgs], next) => {
    const known = { present: 1, operation: 1, send: 3, reply: 3, notify: 3 };
    Object.hasOwn(known, event) && known[event] === eventArgs.length ? next() : drop();
  });
  socket.on('present', is => {
    if (typeof is != 'boolean')
      return drop();
    is ? socket.join(presentRoom) : socket.leave(presentRoom);
    tellPresence();
  });
  socket.on('disconnecting', () => {
    if (socket.rooms.has(presentRoom)) {
      socket.leave(presentRoom);
      tellPresence();
    }
  });
  socket.on('operation', payload => isOperation(payload) ? socket.broadcast.in(domain).emit('operation', payload) : drop());
  for (const event of ['send', 'reply', 'notify']) {
    socket.on(event, (params, payload, ack) => {
      if (typeof ack != 'function')
        return drop();
      if (typeof params?.toId != 'string' || params.fromId !== id || !Buffer.isBuffer(payload))
        return ack('BadRequest');
      io.in(`${domain}/${params.toId}`).emit(event, params, payload);
      ack(null);
    });
  }
});

const origin = () => `https://127.0.0.1:${server.address().port}`;
const [host, port] = args.listen.split(':');
server.listen(Number(port), host, () => console.log(JSON.stringify({
  origin: origin(), domain: DOMAIN, root_account: ROOT, root_key: store.rootKey,
  ca_file: join(args.data, 'ca.pem'), pid: process.pid
})));
process.on('SIGTERM', () => {
  // Transports are closed, not sockets: a clone that the server disconnects closes for good
  for (const socket of io.sockets.sockets.values())
    socket.conn.close();
  setTimeout(() => process.exit(0), 100);
});
