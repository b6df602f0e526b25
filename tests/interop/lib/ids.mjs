import { randomBytes } from 'node:crypto';

const text = (length, radix) => Array.from(randomBytes(length), byte => (byte % radix).toString(radix)).join('');

/** A name as UUID subdomains have. */
export const uuidName = () => `c${text(24, 36)}`;

/** An id that no other clone has. */
export const cloneId = (prefix = 'clone') => `${prefix}-${text(12, 36)}`;
