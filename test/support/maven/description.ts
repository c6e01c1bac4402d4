import type { IProtocolDescription } from '../protocol/description.js';
import type { IAnswer } from '../registry.js';
import { folderOf, type IGav, pathOf, pomOf, textsIn } from './artifacts.js';

/** Names without a group are those that the suite tries although no artifact should have them. */
const partsOf = (name: string, version: string): IGav => {
  const [group, artifact] = name.includes(':') ? (name.split(':') as [string, string]) : ['org.example', name];
  return { group, artifact, version };
};

const pomFor = (name: string, version: string, filler = ''): string =>
  pomOf(partsOf(name, version), filler && `<description>${filler}</description>`);

const pathFor = (name: string, version: string): string => pathOf(partsOf(name, version), '.pom');

const named = (name: string): string => `/maven/-/artifacts/${name.replace(':', '/')}`;

const isXml = ({ status, headers }: IAnswer): boolean =>
  status === 200 && headers['Content-Type']?.startsWith('text/xml') === true;

/** The POM is the artifact here, because a registry can tell when one is cut off. */
export const mavenDescription: IProtocolDescription = {
  protocol: 'maven',
  type: 'artifact',
  hidesNames: true,
  names: ['org.example:one', 'org.example:two', 'com.acme:three', 'com.acme:four'],
  version: (n) => `1.${n}`,
  publish: async (name, version, filler) => ({
    method: 'PUT',
    path: pathFor(name, version),
    body: pomFor(name, version, filler),
  }),
  artifactOf: async (name, version, filler) => Buffer.from(pomFor(name, version, filler)),
  existsStatus: 409,
  metadata: (name) => `${folderOf(partsOf(name, ''))}/maven-metadata.xml`,
  versionsIn: (answer) => (isXml(answer) ? textsIn(answer.text, 'version') : []),
  artifact: pathFor,
  reads: [
    { title: 'checksum', request: (name, version) => ({ method: 'GET', path: `${pathFor(name, version)}.sha1` }) },
    {
      title: 'checksum of the metadata',
      request: (name) => ({ method: 'GET', path: `${folderOf(partsOf(name, ''))}/maven-metadata.xml.sha1` }),
    },
    { title: 'JSON', request: (name) => ({ method: 'GET', path: named(name) }) },
    { title: 'JSON of a version', request: (name, version) => ({ method: 'GET', path: `${named(name)}/${version}` }) },
  ],
  writes: [
    {
      title: 'checksum',
      action: 'write',
      request: (name, version) => ({ method: 'PUT', path: `${pathFor(name, version)}.sha1`, body: '0'.repeat(40) }),
    },
    {
      title: 'metadata',
      action: 'write',
      request: (name) => {
        const { group, artifact } = partsOf(name, '');
        const body = `<metadata><groupId>${group}</groupId><artifactId>${artifact}</artifactId></metadata>`;
        return { method: 'PUT', path: `${folderOf({ group, artifact })}/maven-metadata.xml`, body };
      },
    },
    {
      title: 'delete of a file',
      action: 'delete',
      request: (name, version) => ({ method: 'DELETE', path: pathFor(name, version) }),
    },
    {
      title: 'delete of a version',
      action: 'delete',
      request: (name, version) => ({ method: 'DELETE', path: `${named(name)}/${version}` }),
    },
    { title: 'delete', action: 'delete', request: (name) => ({ method: 'DELETE', path: named(name) }) },
  ],
  listings: [
    {
      path: '/maven/-/artifacts',
      names: (answer, name) =>
        (answer.json().artifacts as { groupId: string; artifactId: string }[]).some(
          ({ groupId, artifactId }) => `${groupId}:${artifactId}` === name,
        ),
    },
  ],
  remove: (send, name, version) => send({ method: 'DELETE', path: `${named(name)}/${version}` }),
  isError: ({ status, text, headers }) => {
    if (status === 404) return headers['Content-Type'] === 'text/plain; charset=utf-8' && text.endsWith('\n');
    if (headers['Content-Type'] !== 'application/problem+json') return false;
    const problem = JSON.parse(text) as { title?: unknown; status?: unknown; detail?: unknown };
    return problem.status === status && typeof problem.title === 'string' && typeof problem.detail === 'string';
  },
  credential: (token) => ({ authorization: `Basic ${Buffer.from(`ci:${token}`).toString('base64')}` }),
};
