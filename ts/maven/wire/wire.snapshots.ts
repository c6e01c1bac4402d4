import type { IArtifactName } from './wire.coordinates.js';
import { baseNames } from './wire.pom.js';

/** A file of a version, by the parts of its name. */
export interface IFileName {
  /** `1.0-20261128.101112-3`, or the version of the folder */
  value: string;
  /** of a build of a SNAPSHOT, as in its name: `20261128.101112` */
  timestamp?: string;
  buildNumber?: number;
  /** '' if there is none */
  classifier: string;
  /** `jar`, `tar.gz`, `jar.asc` */
  extension: string;
}

/** Endings that belong to the ending before them. */
const SIGNATURES = /\.(?:asc|sig|sigstore|sigstore\.json)$/;
const PACKED = /\.tar\.[a-z0-9]+$/i;

/** Classifier and extension: `-sources.jar` and `.tar.gz`. A classifier may have dots, as in `-linux-2.0.zip`. */
const endingOf = (rest: string): Pick<IFileName, 'classifier' | 'extension'> | null => {
  if (rest.startsWith('.')) return { classifier: '', extension: rest.slice(1) };
  if (!rest.startsWith('-')) return null;
  const signature = SIGNATURES.exec(rest)?.[0] ?? '';
  const named = rest.slice(0, rest.length - signature.length);
  const ending = PACKED.exec(named)?.[0] ?? named.slice(named.lastIndexOf('.'));
  const classifier = named.slice(1, named.length - ending.length);
  if (!named.includes('.') || classifier === '') return null;
  return { classifier, extension: (ending + signature).slice(1) };
};

const BUILD = /^(\d{8}\.\d{6})-(\d{1,9})(?=[.-])/;

/** The parts of a file's name; null for a file that does not begin with its artifact and version. */
export const parseFileName = ({ artifact }: IArtifactName, version: string, file: string): IFileName | null =>
  parseNamed(baseNames(artifact), version, file);

/** Like `parseFileName`, for the many files of a version. */
export const fileNameParser = ({ artifact }: IArtifactName, version: string): ((file: string) => IFileName | null) => {
  const names = baseNames(artifact);
  return (file) => parseNamed(names, version, file);
};

const parseNamed = (names: readonly string[], version: string, file: string): IFileName | null => {
  for (const name of names) {
    if (!file.startsWith(`${name}-`)) continue;
    const rest = file.slice(name.length + 1);
    if (rest.startsWith(version)) {
      const ending = endingOf(rest.slice(version.length));
      if (ending) return { value: version, ...ending };
    }
    if (!version.endsWith('SNAPSHOT')) continue;
    const base = version.slice(0, -'SNAPSHOT'.length);
    const build = rest.startsWith(base) ? BUILD.exec(rest.slice(base.length)) : null;
    const ending = build && endingOf(rest.slice(base.length + build[0].length));
    if (!ending) continue;
    const [whole, timestamp, number] = build as unknown as [string, string, string];
    return { value: base + whole, timestamp, buildNumber: Number(number), ...ending };
  }
  return null;
};

/** Negative if `a` is the older build. The clock decides: two deployers that began at the same time have the same number. */
export const compareBuilds = (a: IFileName, b: IFileName): number => {
  const [one = '', other = ''] = [a.timestamp, b.timestamp];
  return one < other ? -1 : one > other ? 1 : (a.buildNumber ?? 0) - (b.buildNumber ?? 0);
};
