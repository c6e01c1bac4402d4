import type { IClientRequest, IProtocolDescription } from '../protocol/description.js';
import type { IAnswer } from '../registry.js';
import { infoLines } from './actors.js';
import { gemOf, type IGem } from './gems.js';

const built = (name: string, version: string, filler = ''): IGem =>
  gemOf(name, version, { files: { 'filler.txt': filler.padEnd(64, '.') } });

const get = (path: string): IClientRequest => ({ method: 'GET', path: `/rubygems${path}` });

const form = (method: string, path: string, fields: Record<string, string>): IClientRequest => ({
  method,
  path: `/rubygems${path}`,
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: new URLSearchParams(fields).toString(),
});

const yank = (name: string, version: string): IClientRequest =>
  form('DELETE', '/api/v1/gems/yank', { gem_name: name, version });

const lines = ({ text }: IAnswer): string[] => text.split('\n');

export const rubygemsDescription: IProtocolDescription = {
  protocol: 'rubygems',
  type: 'gem',
  hidesNames: true,
  names: ['suite-one', 'Suite_two', 'suite.three', 'suite-four'],
  version: (n) => `1.${n}`,
  publish: async (name, version, filler) => ({
    method: 'POST',
    path: '/rubygems/api/v1/gems',
    headers: { 'content-type': 'application/octet-stream' },
    body: built(name, version, filler).bytes,
  }),
  artifactOf: async (name, version, filler) => built(name, version, filler).bytes,
  existsStatus: 409,
  metadata: (name) => `/rubygems/info/${name}`,
  versionsIn: ({ status, text }) => (status === 200 ? infoLines(text).map(({ slug }) => slug) : []),
  artifact: (name, version) => `/rubygems/gems/${name}-${version}.gem`,
  reads: [
    { title: 'quick gemspec', request: (name, version) => get(`/quick/Marshal.4.8/${name}-${version}.gemspec.rz`) },
    { title: 'gem as JSON', request: (name) => get(`/api/v1/gems/${name}.json`) },
    { title: 'versions as JSON', request: (name) => get(`/api/v1/versions/${name}.json`) },
    { title: 'latest version', request: (name) => get(`/api/v1/versions/${name}/latest.json`) },
    {
      title: 'one version as JSON',
      request: (name, version) => get(`/api/v2/rubygems/${name}/versions/${version}.json`),
    },
    { title: 'attestations', request: (name, version) => get(`/api/v1/attestations/${name}-${version}.json`) },
  ],
  writes: [
    { title: 'yank', action: 'write', request: yank },
    {
      title: 'unyank',
      action: 'write',
      request: (name, version) => form('PUT', '/api/v1/gems/unyank', { gem_name: name, version }),
    },
  ],
  listings: [
    { path: '/rubygems/names', names: (answer, name) => lines(answer).includes(name) },
    {
      path: '/rubygems/versions',
      names: (answer, name) => lines(answer).some((line) => line.startsWith(`${name} `)),
    },
  ],
  // both are a-2-x86-darwin-9.gem
  rivals: async (n) => {
    const [name, os] = [`rival${n}`, 'x86-darwin'];
    const upload = (gem: IGem): IClientRequest => ({
      method: 'POST',
      path: '/rubygems/api/v1/gems',
      headers: { 'content-type': 'application/octet-stream' },
      body: gem.bytes,
    });
    return [
      { upload: upload(gemOf(name, '2', { platform: `${os}-9` })), path: `/rubygems/info/${name}` },
      { upload: upload(gemOf(`${name}-2-${os}`, '9')), path: `/rubygems/info/${name}-2-${os}` },
    ];
  },
  isError: ({ text, headers }) =>
    headers['Content-Type']?.startsWith('text/plain') === true &&
    text.endsWith('\n') &&
    !/^(You have enabled multifactor authentication|The API key doesn't have access)/.test(text),
  credential: (token) => ({ authorization: token }),
};
