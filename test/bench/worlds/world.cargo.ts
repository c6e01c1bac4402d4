import { randomBytes } from 'node:crypto';
import { crateFile, frameOf, metadataOf } from '../../support/cargo/crates.js';
import { cargoDescription } from '../../support/cargo/description.js';
import type { IBenchWorld } from './interfaces.world.js';

export const world: IBenchWorld = {
  about: cargoDescription,
  // digits behind it leave the folders of its index file, which are its first four characters, as they are
  sample: 'a-sample-of-many',
  headers: { 'cargo-protocol': 'version=1', accept: '*/*', 'accept-encoding': 'deflate, gzip' },
  big: async (name, version, size) => {
    const artifact = await crateFile(name, version, { files: { 'noise.bin': randomBytes(size) } });
    const body = frameOf(metadataOf(name, version), artifact);
    return { request: { method: 'PUT', path: '/cargo/api/v1/crates/new', body }, artifact };
  },
};
