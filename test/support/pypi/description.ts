import { multipart } from '../multipart.js';
import type { IClientRequest, IProtocolDescription } from '../protocol/description.js';
import type { IAnswer } from '../registry.js';
import { contentOf, fieldsOf, type ISimplePage, JSON_TYPE } from './actors.js';
import { type IDistribution, wheel } from './distributions.js';

const built = (name: string, version: string, filler = ''): IDistribution =>
  wheel(name, version, { files: { 'filler.txt': filler.padEnd(64, '.') } });

const pageIn = ({ status, headers, json }: IAnswer): ISimplePage | null =>
  status === 200 && headers['Content-Type'] === JSON_TYPE ? (json() as unknown as ISimplePage) : null;

const pathOf = (name: string, version: string): string => `/pypi/packages/${name}/${built(name, version).filename}`;

const change = (method: string, path: string): IClientRequest => ({ method, path: `/pypi${path}` });

export const pypiDescription: IProtocolDescription = {
  protocol: 'pypi',
  type: 'package',
  hidesNames: true,
  names: ['suite-one', 'suite-two', 'suite-three', 'suite-four'],
  version: (n) => `1.${n}`,
  publish: async (name, version, filler) => {
    const file = built(name, version, filler);
    const fields = Object.entries(fieldsOf(file)).map(([field, value]) => ({ name: field, value }));
    const { bytes, contentType } = multipart([...fields, contentOf(file)]);
    // the line end behind the last boundary is no part of the form: a body without it is whole
    const body = bytes.subarray(0, -2);
    return { method: 'POST', path: '/pypi/', headers: { 'content-type': contentType }, body };
  },
  artifactOf: async (name, version, filler) => built(name, version, filler).bytes,
  existsStatus: 400,
  // clients normalise names
  metadata: (name) => `/simple/${name.toLowerCase()}/?format=${encodeURIComponent(JSON_TYPE)}`,
  versionsIn: (answer) => pageIn(answer)?.versions ?? [],
  artifact: pathOf,
  reads: [
    { title: 'page below the base path', request: (name) => change('GET', `/simple/${name}/`) },
    { title: 'JSON API', request: (name) => change('GET', `/${name}/json`) },
    { title: 'JSON API of a version', request: (name, version) => change('GET', `/${name}/${version}/json`) },
    { title: 'metadata', request: (name, version) => ({ method: 'GET', path: `${pathOf(name, version)}.metadata` }) },
    { title: 'status', request: (name) => change('GET', `/${name}/status`) },
  ],
  writes: [
    { title: 'yank', action: 'write', request: (name, version) => change('POST', `/${name}/${version}/yank`) },
    { title: 'unyank', action: 'write', request: (name, version) => change('POST', `/${name}/${version}/unyank`) },
    {
      title: 'status',
      action: 'write',
      request: (name) => ({ ...change('PUT', `/${name}/status`), body: '{"status":"deprecated"}' }),
    },
    {
      title: 'delete of a version',
      action: 'delete',
      request: (name, version) => change('DELETE', `/${name}/${version}`),
    },
    { title: 'delete', action: 'delete', request: (name) => change('DELETE', `/${name}`) },
  ],
  listings: [
    { path: '/simple/', names: (answer, name) => answer.text.includes(`href="${name}/"`) },
    { path: '/pypi/simple/', names: (answer, name) => answer.text.includes(`href="${name}/"`) },
  ],
  remove: (send, name, version) => send(change('DELETE', `/${name}/${version}`)),
  isError: ({ text, headers }) =>
    headers['Content-Type']?.startsWith('text/plain') === true
      ? text.endsWith('\n')
      : typeof JSON.parse(text).message === 'string',
  urlsIn: (answer) => (pageIn(answer)?.files ?? []).map(({ url }) => url),
  credential: (token) => ({ authorization: `Basic ${Buffer.from(`__token__:${token}`).toString('base64')}` }),
};
