import type { IProtocolDescription } from '../protocol/description.js';
import type { IAnswer } from '../registry.js';
import { escaped, type IPackument } from './actors.js';
import { bytesOf, publishOf } from './packages.js';

const json = { 'content-type': 'application/json' };
const packumentIn = ({ status, json: parse }: IAnswer): IPackument | null =>
  status === 200 ? (parse() as unknown as IPackument) : null;
const base = (name: string): string => name.slice(name.indexOf('/') + 1);
const documentOf = (name: string, version: string, filler = '') =>
  publishOf(name, version, { files: { 'package/filler.txt': filler.padEnd(64, '.') } });

const made = new Map<string, ReturnType<typeof documentOf>>();
/** gzip writes the time into its header, so the same upload is made once. */
const once = (name: string, version: string, filler = '') => {
  const key = `${name} ${version} ${filler}`;
  const document = made.get(key) ?? documentOf(name, version, filler);
  made.set(key, document);
  return document;
};

export const npmDescription: IProtocolDescription = {
  protocol: 'npm',
  type: 'package',
  names: ['suite-one', '@suite/two', 'suite-three', 'suite-four'],
  version: (n) => `1.${n}.0`,
  publish: async (name, version, filler) => ({
    method: 'PUT',
    path: `/npm/${escaped(name)}`,
    headers: json,
    body: JSON.stringify(await once(name, version, filler)),
  }),
  artifactOf: async (name, version, filler) => bytesOf(await once(name, version, filler)),
  existsStatus: 403,
  metadata: (name) => `/npm/${escaped(name)}`,
  versionsIn: (answer) => Object.keys(packumentIn(answer)?.versions ?? {}),
  artifact: (name, version) => `/npm/${name}/-/${base(name)}-${version}.tgz`,
  reads: [
    { title: 'manifest', request: (name, version) => ({ method: 'GET', path: `/npm/${escaped(name)}/${version}` }) },
    { title: 'dist-tags', request: (name) => ({ method: 'GET', path: `/npm/-/package/${escaped(name)}/dist-tags` }) },
  ],
  writes: [
    {
      title: 'dist-tag',
      action: 'write',
      request: (name, version) => ({
        method: 'PUT',
        path: `/npm/-/package/${escaped(name)}/dist-tags/beta`,
        headers: json,
        body: JSON.stringify(version),
      }),
    },
    {
      title: 'unpublish',
      action: 'delete',
      request: (name) => ({ method: 'DELETE', path: `/npm/${escaped(name)}/-rev/1-x` }),
    },
  ],
  listings: [
    {
      path: '/npm/-/v1/search?text=suite',
      names: (answer, name) =>
        (answer.json().objects as { package: { name: string } }[]).some((hit) => hit.package.name === name),
    },
  ],
  remove: async (send, name) => {
    const path = `/npm/${escaped(name)}`;
    const { _rev } = packumentIn(await send({ method: 'GET', path: `${path}?write=true` })) as IPackument;
    return send({ method: 'DELETE', path: `${path}/-rev/${_rev}` });
  },
  isError: ({ text, headers }) =>
    headers['Content-Type']?.startsWith('application/json') === true && typeof JSON.parse(text).error === 'string',
  urlsIn: (answer) => Object.values(packumentIn(answer)?.versions ?? {}).map(({ dist }) => dist.tarball),
};
