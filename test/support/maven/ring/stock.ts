import { GROUP, GROUP_PATH } from './projects.js';
import type { IMavenServer } from './station.js';

const pomOf = (artifact: string, version: string, dependencies = ''): string =>
  `<project><modelVersion>4.0.0</modelVersion><groupId>${GROUP}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>${dependencies}</project>`;

/** A zip without entries, which every client takes for a jar. */
export const EMPTY_JAR = Buffer.concat([Buffer.from('PK\x05\x06', 'latin1'), Buffer.alloc(18)]);

/**
 * What clients that resolve are tried with, put there file by file without any metadata:
 * - `leaf` 1.0, 1.1, 1.2, 2.0 (with sources)
 * - `top` 1.0, which needs leaf [1.0,2.0)
 * - `moving` 1.0-SNAPSHOT in two builds
 */
export const stockRepository = async (server: IMavenServer): Promise<void> => {
  const authorization = `Bearer ${await server.token({ protocol: 'maven' })}`;
  const put = async (path: string, body: Uint8Array | string): Promise<void> => {
    const init = { method: 'PUT', headers: { authorization }, body: body as Uint8Array<ArrayBuffer> | string };
    const answer = await fetch(`${server.url}/${GROUP_PATH}/${path}`, init);
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  };
  const release = async (artifact: string, version: string, dependencies = ''): Promise<void> => {
    const base = `${artifact}/${version}/${artifact}-${version}`;
    await put(`${base}.pom`, pomOf(artifact, version, dependencies));
    await put(`${base}.jar`, EMPTY_JAR);
  };
  for (const version of ['1.0', '1.1', '1.2', '2.0']) await release('leaf', version);
  await put('leaf/2.0/leaf-2.0-sources.jar', EMPTY_JAR);
  const needs = `<dependency><groupId>${GROUP}</groupId><artifactId>leaf</artifactId><version>[1.0,2.0)</version></dependency>`;
  await release('top', '1.0', `<dependencies>${needs}</dependencies>`);
  for (const build of [1, 2]) {
    const base = `moving/1.0-SNAPSHOT/moving-1.0-20260101.12000${build}-${build}`;
    await put(`${base}.pom`, pomOf('moving', '1.0-SNAPSHOT'));
    await put(`${base}.jar`, EMPTY_JAR);
  }
};
