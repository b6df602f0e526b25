// Writes that declare rules in a domain's data, in the terms that all engines know, and the users that rules are about.
import { generateKeyPairSync } from 'node:crypto';

const MLD = 'http://m-ld.org/#';
const SH = 'http://www.w3.org/ns/shacl#';
const BINARY = 'http://www.w3.org/2001/XMLSchema#base64Binary';

/** An extension of those that come with the JavaScript engine. */
const extension = (module, name, properties) => ({
  '@id': `http://ext.m-ld.org/${module}/${name}`,
  'http://js.m-ld.org/#require': `@m-ld/m-ld/ext/${module}`,
  'http://js.m-ld.org/#class': name,
  ...properties
});

const SECURITY = { require: '@m-ld/m-ld/ext/security', class: 'MeldAclTransportSecurity' };

export const statutory = () => extension('statutes', 'Statutory');
export const writePermitted = () => extension('security', 'WritePermitted');
export const text = (...properties) => extension('tseq', 'TSeqText', {
  [`${SH}targetObjectsOf`]: properties.map(property => ({ '@vocab': property }))
});
export const shapes = (...controlled) => extension('shacl', 'ShapeConstrained', { [`${MLD}controlled-shape`]: controlled });

/** The list of extensions. */
export const extensions = (...list) => ({ '@id': 'http://m-ld.org/extensions', '@list': list });

/** A shape of a property. */
export const shape = (id, path, { minCount, maxCount } = {}) => ({
  '@id': id,
  [`${SH}path`]: { '@vocab': path },
  ...minCount != null && { [`${SH}minCount`]: minCount },
  ...maxCount != null && { [`${SH}maxCount`]: maxCount }
});

/** A statute: who has authority over a shape may change what it covers, by agreement. */
export const statute = (id, of) => ({
  '@id': id,
  '@type': `${MLD}Statute`,
  [`${MLD}statutory-shape`]: { '@id': of },
  [`${MLD}sufficient-condition`]: { '@id': `${MLD}has-authority` }
});

/** A permission to write what a shape covers. */
export const permission = (id, of) => ({
  '@id': id, '@type': `${MLD}WritePermission`, [`${MLD}controlled-shape`]: { '@id': of }
});

/** That somebody has authority over shapes, or permissions. */
export const hasAuthority = (id, ...over) => ({ '@id': id, [`${MLD}has-authority`]: over.map(id => ({ '@id': id })) });
export const hasPermission = (id, ...what) => ({ '@id': id, [`${MLD}has-permission`]: what.map(id => ({ '@id': id })) });
/** The property of which the latter is. */
export const PERMISSIONS = `${MLD}has-permission`;

/** Somebody with a key pair. */
export function user(name) {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' }
  });
  return { '@id': `https://${name}.example/profile#me`, publicKey, privateKey };
}

/** That users may speak in a domain. */
export const registered = (...users) => ({
  '@graph': users.map(({ '@id': id, publicKey }) => ({
    '@id': id, [`${MLD}public-key`]: { '@type': BINARY, '@value': publicKey.toString('base64') }
  }))
});

/** The secret by which a domain's operations are encrypted. */
export const secret = (domain, bytes) => ({
  '@id': `http://${domain}/`, [`${MLD}secret`]: { '@type': BINARY, '@value': bytes.toString('base64') }
});

/** The configuration of a clone that signs as a user, or as one user with the key of another. */
export const signing = ({ '@id': id }, { privateKey }) => ({
  principal: { '@id': id, privateKey }, transportSecurity: SECURITY
});

/** The configuration of a clone that writes in somebody's name, which nobody verifies. */
export const inTheNameOf = name => ({ principal: { '@id': `https://${name}.example/profile#me` } });
