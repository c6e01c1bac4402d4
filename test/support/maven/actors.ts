import type { Test } from 'tap';
import { Actor, basicOf, type IPeople, peopleOf, type TMoreConfig } from '../people.js';
import type { IAnswer } from '../registry.js';
import { folderOf, type IGav, pathOf, pomOf, textsIn } from './artifacts.js';

export { PASSWORD } from '../people.js';

/** Somebody who talks to the Maven registry, with a token as password or without one. */
export class MavenActor extends Actor {
  protected readonly host = 'maven.example.org';

  protected credential(token: string): string {
    return basicOf('ci', token);
  }

  public put(path: string, body: Uint8Array | string, headers: Record<string, string> = {}): Promise<IAnswer> {
    return this.send('PUT', path, { body, headers });
  }

  public delete(path: string): Promise<IAnswer> {
    return this.send('DELETE', path);
  }

  /** Uploads the POM of a version. */
  public putPom(of: IGav, more?: string): Promise<IAnswer> {
    return this.put(pathOf(of, '.pom'), pomOf(of, more));
  }

  /** The metadata of an artifact, or of one of its SNAPSHOTs. */
  public async metadata(of: { group: string; artifact: string; version?: string }): Promise<string> {
    const folder = of.version === undefined ? folderOf(of) : `${folderOf(of)}/${of.version}`;
    return (await this.get(`${folder}/maven-metadata.xml`)).text;
  }

  /** The versions in the metadata of an artifact. */
  public async versions(of: { group: string; artifact: string }): Promise<string[]> {
    const { group, artifact } = of;
    return textsIn(await this.metadata({ group, artifact }), 'version');
  }
}

export type IMavenWorld = IPeople<MavenActor>;

/** A registry with Maven in it, and people. */
export const mavenWorld = (t: Pick<Test, 'teardown'>, more: TMoreConfig = {}): Promise<IMavenWorld> =>
  peopleOf(
    t,
    {
      protocol: 'maven',
      actor: MavenActor,
      token: (auth, userId, readonly) => auth.createMavenToken(userId, readonly),
      kept: /^maven\/(artifacts|metadata)\//,
    },
    more,
  );
