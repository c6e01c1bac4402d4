import { randomBytes } from 'node:crypto';
import { mavenDescription } from '../../support/maven/description.js';
import type { IBenchWorld } from './interfaces.world.js';

export const world: IBenchWorld = {
  about: mavenDescription,
  sample: 'a-sample-of-many',
  sampleName: 'org.acme:a-sample-of-many',
  headers: { 'accept-encoding': 'gzip,deflate', 'cache-control': 'no-cache', pragma: 'no-cache' },
  big: async (name, version, size) => {
    const artifact = randomBytes(size);
    return { request: { method: 'PUT', path: mavenDescription.artifact(name, version), body: artifact }, artifact };
  },
};
