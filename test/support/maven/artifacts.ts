import { createHash } from 'node:crypto';
import { zipOf } from '../archives/zips.js';

/** Group, artifact and version. */
export interface IGav {
  group: string;
  artifact: string;
  version: string;
}

/** `group:artifact:version` */
export const gav = (text: string): IGav => {
  const [group, artifact, version] = text.split(':') as [string, string, string];
  return { group, artifact, version };
};

/** The folder of an artifact, from the root of the host. */
export const folderOf = ({ group, artifact }: Pick<IGav, 'group' | 'artifact'>): string =>
  `/maven/${group.replaceAll('.', '/')}/${artifact}`;

/** The path of a file, from the root of the host. @param ending what follows `artifact-version`, e.g. `.jar` */
export const pathOf = (of: IGav, ending: string): string =>
  `${folderOf(of)}/${of.version}/${of.artifact}-${of.version}${ending}`;

/** A POM. @param more elements of the project */
export const pomOf = ({ group, artifact, version }: IGav, more = ''): string => `<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>${group}</groupId>
  <artifactId>${artifact}</artifactId>
  <version>${version}</version>
  ${more}
</project>`;

export const hex = (algorithm: string, bytes: Uint8Array | string): string =>
  createHash(algorithm).update(bytes).digest('hex');

export const ALGORITHMS = ['md5', 'sha1', 'sha256', 'sha512'] as const;

/** A jar with these files. */
export const jarOf = (files: Record<string, string>): Buffer =>
  zipOf(Object.entries(files).map(([name, content]) => ({ name, content })));

/** The jar of a Maven plugin. */
export const pluginJar = ({ group, artifact, version }: IGav, prefix: string, name = 'A plugin'): Buffer =>
  jarOf({
    'META-INF/MANIFEST.MF': 'Manifest-Version: 1.0\n',
    'META-INF/maven/plugin.xml': `<?xml version="1.0" encoding="UTF-8"?>
<plugin><name>${name}</name><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>
<goalPrefix>${prefix}</goalPrefix><mojos><mojo><goal>say</goal></mojo></mojos></plugin>`,
  });

/** The texts of all elements of this name. */
export const textsIn = (xml: string, name: string): string[] =>
  [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(([, text]) => text as string);
