import { indexPath } from '../../../ts/cargo/keys.cargo.js';
import type { IProtocolDescription, IRival } from '../protocol/description.js';
import { crateFile, frameOf, manifestOf, metadataOf } from './crates.js';

const API = '/cargo/api/v1/crates';
const made = new Map<string, Promise<Buffer>>();
/** gzip and tar write the time into their headers, so the same crate is made once. */
const once = (name: string, version: string, filler = ''): Promise<Buffer> => {
  const key = `${name} ${version} ${filler}`;
  const files = { 'README.md': `# ${name}`, filler: filler.padEnd(64, '.') };
  const manifest = manifestOf(name, version, 'readme = "README.md"\n');
  const crate = made.get(key) ?? crateFile(name, version, { manifest, files });
  made.set(key, crate);
  return crate;
};

const index = (name: string): string => `/cargo/${indexPath(name.toLowerCase())}`;
const yank = (name: string, version: string) => ({ method: 'DELETE', path: `${API}/${name}/${version}/yank` });
const unyank = (name: string, version: string) => ({ method: 'PUT', path: `${API}/${name}/${version}/unyank` });

export const cargoDescription: IProtocolDescription = {
  protocol: 'cargo',
  type: 'crate',
  hidesNames: true,
  names: ['suite-one', 'suite_two', 'suite3', 'suite-four'],
  version: (n) => `1.${n}.0`,
  publish: async (name, version, filler) => ({
    method: 'PUT',
    path: `${API}/new`,
    body: frameOf(metadataOf(name, version), await once(name, version, filler)),
  }),
  artifactOf: once,
  existsStatus: 409,
  metadata: index,
  versionsIn: ({ status, text }) =>
    status === 200
      ? text
          .trimEnd()
          .split('\n')
          .map((line) => (JSON.parse(line) as { vers: string }).vers)
      : [],
  artifact: (name, version) => `${API}/${name}/${version}/download`,
  reads: [
    { title: 'readme', request: (name, version) => ({ method: 'GET', path: `${API}/${name}/${version}/readme` }) },
  ],
  writes: [
    { title: 'yank', action: 'write', request: yank },
    { title: 'unyank', action: 'write', request: unyank },
  ],
  listings: [
    {
      path: `${API}?q=suite&per_page=100`,
      names: (answer, name) => (answer.json().crates as { name: string }[]).some((crate) => crate.name === name),
    },
  ],
  rivals: async (n) => {
    const rival = async (name: string): Promise<IRival> => ({
      upload: await cargoDescription.publish(name, '1.0.0'),
      path: `${API}/${name}/1.0.0/download`,
    });
    return [await rival(`rival-${n}`), await rival(`rival_${n}`)];
  },
  isError: ({ text, headers }) => {
    const { errors } = JSON.parse(text) as { errors?: { detail: unknown }[] };
    return headers['Content-Type'] === 'application/json' && typeof errors?.[0]?.detail === 'string';
  },
  credential: (token) => ({ authorization: token }),
};
