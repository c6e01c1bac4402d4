import { randomBytes } from 'node:crypto';
import { npmDescription } from '../../support/npm/description.js';
import { bytesOf, publishOf } from '../../support/npm/packages.js';
import type { IBenchWorld } from './interfaces.world.js';

export const world: IBenchWorld = {
  about: npmDescription,
  sample: 'a-sample-of-many',
  headers: { accept: 'application/json', 'accept-encoding': 'gzip,deflate' },
  big: async (name, version, size) => {
    const document = await publishOf(name, version, { files: { 'package/noise.bin': randomBytes(size) } });
    const request = { method: 'PUT', path: `/npm/${name}`, headers: { 'content-type': 'application/json' } };
    return { request: { ...request, body: JSON.stringify(document) }, artifact: bytesOf(document) };
  },
};
