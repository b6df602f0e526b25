// JSON Web Tokens as an account's device makes them.
import { createPrivateKey, createHmac, sign } from 'node:crypto';

const encode = value => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The private key that minting gave, opened with the account key's secret. */
export function openPair({ key, pair }) {
  return createPrivateKey({
    key: Buffer.from(pair.private, 'base64'), format: 'der', type: 'pkcs8', passphrase: key.slice(key.indexOf(':') + 1)
  });
}

/** A token signed by `privateKey`; `claims` and `header` replace what a good one has. */
export function jwt(gateway, account, privateKey, { claims = {}, header = {} } = {}) {
  const now = Math.floor(Date.now() / 1000);
  const text = [
    { alg: 'RS256', typ: 'JWT', kid: account.keyid, ...header },
    { iss: `http://${gateway.domain}/${account.name}`, iat: now, exp: now + 300, ...claims }
  ].map(encode).join('.');
  return `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`;
}

/** A token whose signature is not what its header or key would have it be. */
export function forgedJwt(gateway, account, how) {
  const now = Math.floor(Date.now() / 1000);
  const text = [
    { alg: how === 'none' ? 'none' : 'HS256', typ: 'JWT', kid: account.keyid },
    { iss: `http://${gateway.domain}/${account.name}`, iat: now, exp: now + 300 }
  ].map(encode).join('.');
  // The old confusion: the public key, which everybody may know, as the secret of a MAC
  const signature = how === 'none' ? ''
    : createHmac('sha256', Buffer.from(account.pair.public, 'base64')).update(text).digest('base64url');
  return `${text}.${signature}`;
}
