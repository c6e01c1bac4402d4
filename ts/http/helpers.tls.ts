import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { ITlsFiles } from './interfaces.http.js';

const read = <T>(what: string, make: () => T): T => {
  try {
    return make();
  } catch (error) {
    throw new Error(`the ${what} cannot be read: ${(error as Error).message}`);
  }
};

/**
 * Throws if a server could not use these. Node itself accepts empty texts, and a certificate that belongs to another
 * key, and then every handshake fails.
 */
export const checkTls = ({ cert, key }: ITlsFiles): void => {
  const certificate = read('certificate', () => new X509Certificate(cert));
  const privateKey = read('key', () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) throw new Error('the key does not belong to the certificate');
  createSecureContext({ cert, key });
};
