import { expand, type TVersionData } from '../../../ts/composer/wire/wire.minifier.js';
import type { IProtocolDescription } from '../protocol/description.js';
import type { IAnswer } from '../registry.js';
import { packageZip, sha1 } from './packages.js';

const zipOf = (name: string, version: string, filler = ''): Buffer =>
  packageZip(name, version, {}, { 'filler.txt': filler.padEnd(64, '.') });

const versionsOf = ({ status, json }: IAnswer): TVersionData[] => {
  if (status !== 200) return [];
  const { packages } = json() as unknown as { packages: Record<string, TVersionData[]> };
  return Object.values(packages).flatMap(expand);
};

export const composerDescription: IProtocolDescription = {
  protocol: 'composer',
  type: 'package',
  hidesNames: true,
  names: ['suite/one', 'suite/two', 'other/three', 'other/four'],
  version: (n) => `1.${n}.0`,
  publish: async (name, version, filler) => ({
    method: 'PUT',
    path: `/composer/packages/${name}`,
    headers: { 'content-type': 'application/zip' },
    body: zipOf(name, version, filler),
  }),
  artifactOf: async (name, version, filler) => zipOf(name, version, filler),
  existsStatus: 409,
  metadata: (name) => `/composer/p2/${name}.json`,
  versionsIn: (answer) => versionsOf(answer).map(({ version }) => version as string),
  artifact: (name, version, filler) => `/composer/dists/${name}/${sha1(zipOf(name, version, filler))}.zip`,
  reads: [{ title: 'dev versions', request: (name) => ({ method: 'GET', path: `/composer/p2/${name}~dev.json` }) }],
  writes: [
    {
      title: 'filter list',
      action: 'delete',
      request: (name) => ({
        method: 'PUT',
        path: `/composer/packages/${name}/filter/malware`,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ constraint: '*' }),
      }),
    },
    {
      title: 'entries of a filter list',
      action: 'delete',
      request: (name) => ({ method: 'DELETE', path: `/composer/packages/${name}/filter/malware` }),
    },
    {
      title: 'delete a version',
      action: 'delete',
      request: (name, version) => ({ method: 'DELETE', path: `/composer/packages/${name}/${version}` }),
    },
    {
      title: 'delete a package',
      action: 'delete',
      request: (name) => ({ method: 'DELETE', path: `/composer/packages/${name}` }),
    },
  ],
  listings: [
    {
      path: '/composer/packages.json',
      names: (answer, name) => (answer.json()['available-packages'] as string[]).includes(name),
    },
    {
      path: '/composer/packages/list.json',
      names: (answer, name) => (answer.json().packageNames as string[]).includes(name),
    },
    {
      path: '/composer/search.json?q=suite&per_page=100',
      names: (answer, name) => (answer.json().results as { name: string }[]).some((hit) => hit.name === name),
    },
  ],
  remove: (send, name, version) => send({ method: 'DELETE', path: `/composer/packages/${name}/${version}` }),
  isError: ({ text, headers }) =>
    headers['Content-Type']?.startsWith('application/json') === true && typeof JSON.parse(text).message === 'string',
  urlsIn: (answer) => versionsOf(answer).map(({ dist }) => (dist as { url: string }).url),
};
