import { randomBytes } from 'node:crypto';
import { packageZip, sha1 } from '../composer/packages.js';
import { ABSENT, ANY, PRESENT } from './history.js';
import type { IFaultOperation } from './interfaces.js';
import type { Replica } from './replica.js';

export const PACKAGE = 'acme/a';
/** every version that an operation publishes */
const VERSIONS = ['1.0.0', '2.0.0', '3.0.0', '9.0.0', 'dev-main'];
/** its value is the sha1 of the bytes that are served */
export const versionThing = (version: string): string => `composer:${PACKAGE}@${version}`;
/** its value is the constraint that blocks versions */
export const FILTER_THING = `composer:${PACKAGE}!malware`;

/** over what is kept in memory while it is received, so that it is staged in the store */
const NOISE = randomBytes(300 * 1024);

const zips = new Map<string, Buffer>();

const zipOf = (version: string, filler: string): Buffer => {
  const key = `${version} ${filler}`;
  const known = zips.get(key);
  if (known) return known;
  const files: Record<string, string | Uint8Array> = { filler, ...(filler === 'large' && { noise: NOISE }) };
  const zip = packageZip(PACKAGE, version, {}, files);
  zips.set(key, zip);
  return zip;
};

const publish = async (by: Replica, version: string, filler = 'one'): Promise<number> => {
  const zip = zipOf(version, filler);
  const effects = { [versionThing(version)]: sha1(zip) };
  const since = by.world.history.now;
  const { status, text } = await by.send('PUT', `/composer/packages/${PACKAGE}`, { body: zip }, effects);
  // "exists" is a promise as well; of a version that was deleted it says that it is not there
  if (status === 409 && text.includes('exists')) by.world.history.observed({ [versionThing(version)]: PRESENT }, since);
  return status;
};

const deleteVersion = async (by: Replica, version: string): Promise<number> =>
  (await by.send('DELETE', `/composer/packages/${PACKAGE}/${version}`, {}, { [versionThing(version)]: ABSENT })).status;

const deleteAll = async (by: Replica): Promise<number> => {
  // entries of filter lists stay, and count again as soon as there is a version
  const effects = {
    ...Object.fromEntries(VERSIONS.map((version) => [versionThing(version), ABSENT])),
    [FILTER_THING]: ANY,
  };
  return (await by.send('DELETE', `/composer/packages/${PACKAGE}`, {}, effects)).status;
};

const FILTER = `/composer/packages/${PACKAGE}/filter/malware`;

const block = async (by: Replica, constraint: string): Promise<number> => {
  const body = JSON.stringify({ constraint });
  return (await by.send('PUT', FILTER, { body }, { [FILTER_THING]: constraint })).status;
};

const two = async (by: Replica): Promise<void> => {
  await publish(by, '1.0.0');
  await publish(by, '2.0.0');
};

const withBranch = async (by: Replica): Promise<void> => {
  await two(by);
  await publish(by, 'dev-main');
};

const writes = {
  'other version': (by: Replica) => publish(by, '3.0.0'),
  filter: (by: Replica) => block(by, '1.0.0'),
};
const same = { 'same version': (by: Replica) => publish(by, '9.0.0', 'other bytes') };

const operations: Omit<IFaultOperation, 'protocol' | 'config'>[] = [
  {
    name: 'composer upload, first version',
    prepare: async () => {},
    run: (by) => publish(by, '9.0.0'),
    interfere: { 'other version': writes['other version'], ...same },
    again: [409],
    refusals: [409],
  },
  {
    name: 'composer upload, next version',
    prepare: two,
    run: (by) => publish(by, '9.0.0'),
    interfere: { ...writes, ...same, 'delete all': deleteAll },
    again: [409],
    refusals: [409],
  },
  {
    name: 'composer upload, large',
    prepare: two,
    run: (by) => publish(by, '9.0.0', 'large'),
    interfere: { 'other version': writes['other version'], ...same },
    again: [409],
    refusals: [409],
  },
  {
    name: 'composer upload, dev version again',
    prepare: withBranch,
    run: (by) => publish(by, 'dev-main', 'two'),
    interfere: { ...writes, 'same version': (by) => publish(by, 'dev-main', 'three'), 'delete all': deleteAll },
  },
  {
    name: 'composer delete version',
    prepare: withBranch,
    run: (by) => deleteVersion(by, '2.0.0'),
    interfere: { ...writes, 'same version again': (by) => publish(by, '2.0.0', 'other bytes') },
    again: [404],
    refusals: [404],
  },
  {
    name: 'composer delete package',
    prepare: withBranch,
    run: deleteAll,
    interfere: { ...writes, 'dev version again': (by) => publish(by, 'dev-main', 'two') },
    again: [404],
    refusals: [404],
  },
  {
    name: 'composer filter',
    prepare: two,
    run: (by) => block(by, '2.0.0'),
    interfere: { 'other version': writes['other version'], 'delete all': deleteAll },
    again: [404],
    refusals: [404],
  },
];

/** Other protocols have cases of their own; without them a case takes half the time. */
const config = { npm: { enabled: false }, oci: { enabled: false }, composer: { enabled: true } };

export const composerOperations: IFaultOperation[] = operations.map((operation) => ({
  ...operation,
  protocol: 'composer',
  config,
}));
