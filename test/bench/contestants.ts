import { createHash } from 'node:crypto';
import { escapeName, type ITestPackage, publishBody, tarballOf } from '../support/client/packages.js';
import { RegistryProbe } from '../support/client/probe.js';
import type { IServer } from '../support/client/server.js';
import { type LoadClient, rawRequest } from './loadclient.js';

/** A started registry in the benchmark. */
export interface IContestant {
  name: string;
  server: IServer;
  port: number;
  token: string;
  probe: RegistryProbe;
}

export const contestant = async (name: string, server: IServer): Promise<IContestant> => {
  const token = await server.token();
  return {
    name,
    server,
    token,
    port: Number(new URL(server.origin).port),
    probe: new RegistryProbe(server.registry, token),
  };
};

/** The headers of npm 11 on its way through an install. */
export const npmHeaders = (token: string, name: string, more: Record<string, string> = {}): Record<string, string> => ({
  connection: 'keep-alive',
  'user-agent': 'npm/11.21.2 node/v20.20.2 linux x64 workspaces/false',
  'pacote-version': '21.0.0',
  'pacote-req-type': 'packument',
  'pacote-pkg-id': `registry:${name}`,
  'npm-auth-type': 'web',
  'npm-command': 'install',
  authorization: `Bearer ${token}`,
  accept: 'application/json',
  'accept-encoding': 'gzip,deflate',
  ...more,
});

export const publishRequest = async (
  to: { server: IServer; token: string },
  about: ITestPackage,
  tarball?: Buffer,
): Promise<string> =>
  rawRequest(
    'PUT',
    `${to.server.registry}${escapeName(about.name)}`,
    { ...npmHeaders(to.token, about.name), 'content-type': 'application/json', 'npm-command': 'publish' },
    publishBody(about, tarball ?? (await tarballOf(about)), to.server.registry),
  );

/** Publishes everything, `connections` at once; the seconds it took. */
export const publishAll = async (
  load: LoadClient,
  to: IContestant,
  packages: ITestPackage[],
  connections: number,
): Promise<number> => {
  const requests: string[] = [];
  for (const about of packages) {
    requests.push(await publishRequest(to, about));
  }
  const { milliseconds } = await load.run({
    port: to.port,
    connections,
    requests,
    count: requests.length,
    expect: { status: [200, 201], sameBody: false },
  });
  return milliseconds / 1000;
};

/** What was published is there, byte for byte. */
export const verifyPublished = async (on: IContestant, packages: ITestPackage[]): Promise<void> => {
  for (const about of packages) {
    const version = (await on.probe.packument(about.name))?.versions[about.version];
    const tarball = await tarballOf(about);
    const wanted = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
    const found = await on.probe.tarball(version?.dist.tarball ?? '-/nothing');
    if (found.status !== 200 || found.integrity !== wanted || version?.dist.integrity !== wanted) {
      throw new Error(`${on.name} lost ${about.name}@${about.version} (${found.status})`);
    }
  }
};

const words =
  'array async buffer cache client color config crypto date diff event fetch file format graph hash http image json ' +
  'list loader logger map merge mime number object parser path pipe pool promise proxy query queue random router schema ' +
  'server socket sort stream string table test time token tree type url util validate watch worker xml yaml zip';
const wordList = words.split(' ');
const word = (index: number): string => wordList[index % wordList.length]!;

/** A manifest of about the size that published packages have. */
const dressed = (about: ITestPackage, index: number): ITestPackage => ({
  ...about,
  description: `${word(index)} and ${word(index * 7 + 3)} for ${word(index * 13 + 5)} in one small package, number ${index}`,
  keywords: [word(index), word(index * 7 + 3), word(index * 13 + 5), 'bench'],
  files: {
    'index.js': `module.exports = ${index};\n`,
    'readme.md': `# ${about.name}\n\n${`${word(index)} ${word(index * 3)} `.repeat(60)}\n`,
    ...about.files,
  },
});

/** `count` packages for the search; the first `installed` of them also are the tree of the install. */
export const corpus = (count: number, installed: number): ITestPackage[] => {
  const roots = installed / 10;
  const nameOf = (index: number): string =>
    index < installed ? `bench-tree-${index}` : `bench-${word(index)}-${word(index * 11 + 1)}-${index}`;
  return Array.from({ length: count }, (_, index) => {
    const below = index < roots ? Array.from({ length: 9 }, (__, child) => nameOf(roots + index * 9 + child)) : [];
    const dependencies = Object.fromEntries(below.map((name) => [name, '^1.0.0']));
    return dressed({ name: nameOf(index), version: '1.0.0', ...(below.length > 0 && { dependencies }) }, index);
  });
};

export const treeRoots = (installed: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: installed / 10 }, (_, index) => [`bench-tree-${index}`, '^1.0.0']));

/** One package in so many versions, each with a dozen dependencies as real manifests have. */
export const manyVersions = (name: string, count: number): ITestPackage[] => {
  const dependencies = Object.fromEntries(
    Array.from({ length: 12 }, (_, index) => [`dep-${word(index * 5)}`, '^1.2.3']),
  );
  return Array.from({ length: count }, (_, index) =>
    dressed(
      { name, version: `${Math.floor(index / 100)}.${Math.floor(index / 10) % 10}.${index % 10}`, dependencies },
      index,
    ),
  );
};

export const fresh = (prefix: string, count: number): ITestPackage[] =>
  Array.from({ length: count }, (_, index) => dressed({ name: `${prefix}-${index}`, version: '1.0.0' }, index));
