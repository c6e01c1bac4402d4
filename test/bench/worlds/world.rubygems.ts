import { randomBytes } from 'node:crypto';
import { rubygemsDescription } from '../../support/rubygems/description.js';
import { gemOf } from '../../support/rubygems/gems.js';
import type { IBenchWorld } from './interfaces.world.js';

export const world: IBenchWorld = {
  about: rubygemsDescription,
  sample: 'a-sample-of-many',
  listings: ['/rubygems/versions', '/rubygems/specs.4.8.gz'],
  logs: ['/rubygems/versions'],
  headers: { accept: '*/*', 'accept-encoding': 'gzip' },
  big: async (name, version, size) => {
    const { bytes } = gemOf(name, version, { files: { 'noise.bin': randomBytes(size) } });
    const headers = { 'content-type': 'application/octet-stream' };
    return { request: { method: 'POST', path: '/rubygems/api/v1/gems', headers, body: bytes }, artifact: bytes };
  },
};
