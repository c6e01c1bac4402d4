import { randomBytes } from 'node:crypto';
import { multipart } from '../../support/multipart.js';
import { contentOf, fieldsOf, PIP_ACCEPT } from '../../support/pypi/actors.js';
import { pypiDescription } from '../../support/pypi/description.js';
import { wheel } from '../../support/pypi/distributions.js';
import type { IBenchWorld } from './interfaces.world.js';

export const world: IBenchWorld = {
  // as pip asks for it
  about: { ...pypiDescription, metadata: (name) => `/simple/${name}/` },
  headers: { accept: PIP_ACCEPT, 'accept-encoding': 'gzip, deflate' },
  // without a hyphen, which is an underscore in file names
  sample: 'sampleofmany',
  big: async (name, version, size) => {
    const file = wheel(name, version, { files: { 'noise.bin': randomBytes(size) } });
    const fields = Object.entries(fieldsOf(file)).map(([field, value]) => ({ name: field, value }));
    const { bytes, contentType } = multipart([...fields, contentOf(file)]);
    const headers = { 'content-type': contentType };
    return { request: { method: 'POST', path: '/pypi/', headers, body: bytes }, artifact: file.bytes };
  },
};
