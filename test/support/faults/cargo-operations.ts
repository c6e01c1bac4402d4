import { crateFile, frameOf, metadataOf, sha256 } from '../cargo/crates.js';
import { noise } from '../noise.js';
import { PRESENT } from './history.js';
import type { IFaultOperation } from './interfaces.js';
import type { Replica } from './replica.js';

export const CRATE = 'my-crate';
/** has the same document, so only one of the two can exist */
export const TWIN = 'my_crate';
export const crateThing = (name: string, version: string): string => `cargo:${name}@${version}`;
export const yankThing = (name: string, version: string): string => `cargo:${name}!${version}`;

const API = '/cargo/api/v1/crates';
/** over what is kept in memory while it is received, so that it is staged in the store */
const LARGE = 300 * 1024;
const bodies = new Map<string, { body: Buffer; sha: string }>();

/** gzip must not make it small again */
/** What cargo sends, made once for each of these. `filler`: other bytes for the same version. */
const publication = async (name: string, version: string, filler: string): Promise<{ body: Buffer; sha: string }> => {
  const key = `${name} ${version} ${filler}`;
  const known = bodies.get(key);
  if (known) return known;
  const files = { filler, ...(filler === 'large' && { noise: noise('large', LARGE) }) };
  const crate = await crateFile(name, version, { files });
  const made = { body: frameOf(metadataOf(name, version), crate), sha: sha256(crate) };
  bodies.set(key, made);
  return made;
};

const publish = async (by: Replica, version: string, filler = 'one', name = CRATE): Promise<number> => {
  const { body, sha } = await publication(name, version, filler);
  const effects = { [crateThing(name, version)]: sha, [yankThing(name, version)]: 'no' };
  const since = by.world.history.now;
  const { status, text } = await by.send('PUT', `${API}/new`, { body }, effects);
  // "exists" is a promise as well; a crate with a similar name is none
  if (status === 409 && text.includes('already uploaded')) {
    by.world.history.observed({ [crateThing(name, version)]: PRESENT }, since);
  }
  return status;
};

const yank = async (by: Replica, version: string): Promise<number> =>
  (await by.send('DELETE', `${API}/${CRATE}/${version}/yank`, {}, { [yankThing(CRATE, version)]: 'yes' })).status;

const unyank = async (by: Replica, version: string): Promise<number> =>
  (await by.send('PUT', `${API}/${CRATE}/${version}/unyank`, {}, { [yankThing(CRATE, version)]: 'no' })).status;

const two = async (by: Replica): Promise<void> => {
  await publish(by, '1.0.0');
  await publish(by, '2.0.0');
};

const others = {
  'other version': (by: Replica) => publish(by, '3.0.0'),
  'yank of another': (by: Replica) => yank(by, '1.0.0'),
};
const same = { 'same version': (by: Replica) => publish(by, '9.0.0', 'other bytes') };

const operations: Omit<IFaultOperation, 'protocol' | 'config'>[] = [
  {
    name: 'cargo publish, first version',
    prepare: async () => {},
    run: (by) => publish(by, '9.0.0'),
    interfere: {
      'other version': others['other version'],
      ...same,
      'similar name': (by) => publish(by, '1.0.0', 'one', TWIN),
    },
    again: [409],
    refusals: [409],
  },
  {
    name: 'cargo publish, next version',
    prepare: two,
    run: (by) => publish(by, '9.0.0'),
    interfere: { ...others, ...same },
    again: [409],
    refusals: [409],
  },
  {
    name: 'cargo publish, large',
    prepare: two,
    run: (by) => publish(by, '9.0.0', 'large'),
    interfere: { 'other version': others['other version'], ...same },
    again: [409],
    refusals: [409],
  },
  {
    name: 'cargo yank',
    prepare: two,
    run: (by) => yank(by, '2.0.0'),
    interfere: { ...others, unyank: (by) => unyank(by, '2.0.0') },
  },
  {
    name: 'cargo unyank',
    prepare: async (by) => {
      await two(by);
      await yank(by, '2.0.0');
    },
    run: (by) => unyank(by, '2.0.0'),
    interfere: { ...others, yank: (by) => yank(by, '2.0.0') },
  },
];

/** Other protocols have cases of their own; without them a case takes half the time. */
const config = { npm: { enabled: false }, oci: { enabled: false }, cargo: { enabled: true } };

export const cargoOperations: IFaultOperation[] = operations.map((operation) => ({
  ...operation,
  protocol: 'cargo',
  config,
}));
