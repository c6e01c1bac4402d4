import { randomBytes } from 'node:crypto';
import { composerDescription } from '../../support/composer/description.js';
import { packageZip, sha1 } from '../../support/composer/packages.js';
import type { IBenchWorld } from './interfaces.world.js';

export const world: IBenchWorld = {
  about: composerDescription,
  sample: 'acme/a-sample-of-many',
  listings: ['/composer/packages.json'],
  headers: { 'accept-encoding': 'deflate, gzip' },
  big: async (name, version, size) => {
    const artifact = packageZip(name, version, {}, { 'noise.bin': randomBytes(size) });
    return {
      request: { method: 'PUT', path: `/composer/packages/${name}`, body: artifact },
      artifact,
      path: `/composer/dists/${name}/${sha1(artifact)}.zip`,
    };
  },
};
