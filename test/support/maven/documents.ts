import type { IMavenDocument, IMavenFile } from '../../../ts/maven/interfaces.maven.js';
import { ALGORITHMS, hex } from './artifacts.js';

export const AT = '2026-11-28T10:11:12.345Z';

/** A stored file with this content. */
export const storedFile = (content: string, time = AT): IMavenFile => ({
  key: `at/${content}`,
  size: content.length,
  ...(Object.fromEntries(ALGORITHMS.map((algorithm) => [algorithm, hex(algorithm, content)])) as Record<
    (typeof ALGORITHMS)[number],
    string
  >),
  time,
  writeId: 'w',
});

/** The document of org.acme:lib. @param versions version -> file -> time */
export const mavenDocument = (
  versions: Record<string, Record<string, string>>,
  more: Partial<IMavenDocument> = {},
): IMavenDocument => ({
  group: 'org.acme',
  artifact: 'lib',
  modified: AT,
  versions: Object.fromEntries(
    Object.entries(versions).map(([version, files]) => [
      version,
      {
        created: AT,
        files: Object.fromEntries(Object.entries(files).map(([file, time]) => [file, storedFile(file, time)])),
      },
    ]),
  ),
  deleted: {},
  ...more,
});
