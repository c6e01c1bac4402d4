import { multipart } from '../multipart.js';
import { noise } from '../noise.js';
import { contentOf, fieldsOf } from '../pypi/actors.js';
import { attestationOf, hex, type IDistribution, wheel } from '../pypi/distributions.js';
import { ABSENT, ANY, PRESENT } from './history.js';
import type { IFaultOperation } from './interfaces.js';
import type { Replica } from './replica.js';

export const PROJECT = 'a';
export const fileThing = (filename: string): string => `pypi:${PROJECT}@${filename}`;
export const yankThing = (filename: string): string => `pypi:${PROJECT}!${filename}`;
export const STATUS = `pypi:${PROJECT}#status`;
export const attestationsThing = (filename: string): string => `pypi:${PROJECT}^${filename}`;
/** the value of the attestations of a file that has some */
export const ATTESTED = 'attested';
/** the value of a file that is not yanked */
export const OFFERED = 'offered';

/** over what is kept in memory while it is received, so that it is staged in the store */
const LARGE = 300 * 1024;

const wheels = new Map<string, IDistribution>();

/** @param filler other bytes for the same file name */
const wheelOf = (version: string, filler: string): IDistribution => {
  const key = `${version} ${filler}`;
  const files: Record<string, Buffer> = filler === 'large' ? { 'a/noise': noise('large', LARGE) } : {};
  const made = wheels.get(key) ?? wheel(PROJECT, version, { description: filler, files });
  wheels.set(key, made);
  return made;
};

const nameOf = (version: string): string => wheelOf(version, 'one').filename;

const upload = async (by: Replica, version: string, filler = 'one', isAttested = false): Promise<number> => {
  const file = wheelOf(version, filler);
  const more = isAttested ? { attestations: JSON.stringify([attestationOf(file)]) } : {};
  const fields = Object.entries({ ...fieldsOf(file), ...more }).map(([name, value]) => ({ name, value }));
  const { bytes, contentType } = multipart([...fields, contentOf(file)]);
  const headers = { 'content-type': contentType };
  const { filename } = file;
  // a repeated upload of a yanked file leaves it yanked
  const effects = { [fileThing(filename)]: hex('sha256', file.bytes), [yankThing(filename)]: ANY };
  if (isAttested) Object.assign(effects, { [attestationsThing(filename)]: ATTESTED });
  const since = by.world.history.now;
  const { status, text } = await by.send('POST', '/pypi/', { body: bytes, headers }, effects);
  // "exists" is a promise as well
  if (text.startsWith('File already exists')) by.world.history.observed({ [fileThing(filename)]: PRESENT }, since);
  return status;
};

const change = async (
  by: Replica,
  method: string,
  path: string,
  body: object | undefined,
  effects: Record<string, string>,
): Promise<number> =>
  (await by.send(method, `/pypi${path}`, body === undefined ? {} : { body: JSON.stringify(body) }, effects)).status;

const yank = (by: Replica, version: string, reason: string): Promise<number> =>
  change(by, 'POST', `/${PROJECT}/${version}/yank`, { reason }, { [yankThing(nameOf(version))]: reason });

const unyank = (by: Replica, version: string): Promise<number> =>
  change(by, 'POST', `/${PROJECT}/${version}/unyank`, undefined, { [yankThing(nameOf(version))]: OFFERED });

const gone = (version: string): Record<string, string> => ({
  [fileThing(nameOf(version))]: ABSENT,
  [attestationsThing(nameOf(version))]: ABSENT,
  [yankThing(nameOf(version))]: ANY,
});

const removeVersion = (by: Replica, version: string): Promise<number> =>
  change(by, 'DELETE', `/${PROJECT}/${version}`, undefined, gone(version));

const removeFile = (by: Replica, version: string): Promise<number> =>
  change(by, 'DELETE', `/packages/${PROJECT}/${nameOf(version)}`, undefined, gone(version));

const VERSIONS = ['1.0', '2.0', '3.0', '9.0'];

const removeProject = (by: Replica): Promise<number> =>
  change(by, 'DELETE', `/${PROJECT}`, undefined, Object.assign({}, ...VERSIONS.map(gone)));

const setStatus = (by: Replica, status: string): Promise<number> =>
  change(by, 'PUT', `/${PROJECT}/status`, { status }, { [STATUS]: status });

const two = async (by: Replica): Promise<void> => {
  await upload(by, '1.0');
  await upload(by, '2.0');
};

const writes = {
  yank: (by: Replica) => yank(by, '1.0', 'broken'),
  'other file': (by: Replica) => upload(by, '3.0'),
};
const uploads = { ...writes, 'same file name': (by: Replica) => upload(by, '9.0', 'other bytes') };
const pypi = { enabled: true };
const REPUBLISH = { pypi: { enabled: true, allowRepublish: true } };

const operations: (Omit<IFaultOperation, 'protocol' | 'config'> & Pick<IFaultOperation, 'config'>)[] = [
  {
    name: 'pypi upload, first file',
    prepare: async () => {},
    run: (by) => upload(by, '9.0'),
    interfere: { 'other file': writes['other file'], 'same file name': uploads['same file name'] },
    // another writer was first with other bytes
    again: [400],
    refusals: [400],
  },
  {
    name: 'pypi upload, next file',
    prepare: two,
    run: (by) => upload(by, '9.0'),
    interfere: { ...uploads, 'delete project': removeProject },
    again: [400],
    refusals: [400],
  },
  {
    name: 'pypi upload, large',
    prepare: two,
    run: (by) => upload(by, '9.0', 'large'),
    interfere: { yank: writes.yank, 'same file name': uploads['same file name'] },
    again: [400],
    refusals: [400],
  },
  {
    name: 'pypi upload again (allowRepublish)',
    config: REPUBLISH,
    prepare: async (by) => {
      await two(by);
      await removeVersion(by, '2.0');
    },
    run: (by) => upload(by, '2.0', 'other bytes'),
    interfere: { yank: writes.yank, 'same file name': (by) => upload(by, '2.0', 'third bytes') },
    afterwards: async (by) => {
      await removeVersion(by, '2.0');
      await upload(by, '2.0', 'fourth bytes');
    },
    again: [400],
    refusals: [400],
  },
  {
    name: 'pypi upload, attestations of a file that is there',
    prepare: two,
    run: (by) => upload(by, '2.0', 'one', true),
    interfere: { ...writes, 'the same': (by) => upload(by, '2.0', 'one', true), 'delete project': removeProject },
    // the name of a deleted file stays used
    again: [400],
    refusals: [400],
  },
  {
    name: 'pypi yank',
    prepare: two,
    run: (by) => yank(by, '2.0', 'broken'),
    interfere: { ...writes, 'other reason': (by) => yank(by, '2.0', 'worse'), 'delete project': removeProject },
    again: [404],
    refusals: [404],
  },
  {
    name: 'pypi unyank',
    prepare: async (by) => {
      await two(by);
      await yank(by, '2.0', 'broken');
    },
    run: (by) => unyank(by, '2.0'),
    interfere: { ...writes, 'yank again': (by) => yank(by, '2.0', 'worse') },
    again: [404],
    refusals: [404],
  },
  {
    name: 'pypi delete file',
    config: REPUBLISH,
    prepare: two,
    run: (by) => removeFile(by, '2.0'),
    interfere: { ...writes, 'same file again': (by) => upload(by, '2.0', 'other bytes') },
    again: [404],
    refusals: [404],
  },
  {
    name: 'pypi delete project',
    config: REPUBLISH,
    prepare: two,
    run: removeProject,
    interfere: { ...writes, 'same file again': (by) => upload(by, '2.0', 'other bytes') },
    again: [404],
    refusals: [404],
  },
  {
    name: 'pypi status',
    prepare: two,
    run: (by) => setStatus(by, 'archived'),
    interfere: { yank: writes.yank, deprecate: (by) => setStatus(by, 'deprecated') },
    again: [404],
    refusals: [404],
  },
];

export const pypiOperations: IFaultOperation[] = operations.map((operation) => ({
  ...operation,
  config: { npm: { enabled: false }, oci: { enabled: false }, pypi, ...operation.config },
  protocol: 'pypi',
}));
