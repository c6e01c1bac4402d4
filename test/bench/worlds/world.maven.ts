import { randomBytes } from 'node:crypto';
import { pathOf } from '../../support/maven/artifacts.js';
import { mavenDescription } from '../../support/maven/description.js';
import type { IBenchWorld } from './interfaces.world.js';

export const world: IBenchWorld = {
  about: mavenDescription,
  sample: 'a-sample-of-many',
  sampleName: 'org.example:a-sample-of-many',
  headers: { 'accept-encoding': 'gzip,deflate', 'cache-control': 'no-cache', pragma: 'no-cache' },
  big: async (name, version, size) => {
    const [group, artifact] = name.split(':') as [string, string];
    const path = pathOf({ group, artifact, version }, '.jar');
    const jar = randomBytes(size);
    return { request: { method: 'PUT', path, body: jar }, artifact: jar, path };
  },
};
