import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Test } from 'tap';

/**
 * Finds the foreign programs that the test rings use: package managers, other runtimes, other servers. They are put
 * into a cache folder by `.ci/install-clients.sh` (SMARTREGISTRY_TOOLS names another folder); what is not there is
 * looked for on PATH, and what is nowhere is `null`, so that a ring can say why it skips.
 */
export interface ITool {
  name: TToolName;
  /** The program and its first arguments, to be put before one's own. */
  command: [string, ...string[]];
  /** As the installed package states it; `unknown` for what was found on PATH. */
  version: string;
}

export type TToolName =
  | 'node-22'
  | 'deno'
  | 'bun'
  | 'npm-10'
  | 'npm-11'
  | 'pnpm-10'
  | 'pnpm-12'
  | 'yarn-1'
  | 'yarn-4'
  | 'verdaccio'
  | 'versitygw'
  | 'minio'
  | 'redis-server'
  | 'postgres'
  | 'crane'
  | 'oras'
  | 'regctl'
  | 'skopeo'
  | 'buildah'
  | 'podman'
  | 'distribution'
  | 'oci-conformance'
  | 'helm'
  | 'cosign'
  | 'ko'
  | 'umoci'
  | 'buildctl'
  | 'buildkitd'
  | 'docker'
  | 'dockerd'
  | 'containerd'
  | 'ctr'
  | 'dxf'
  | 'oras-py'
  | 'mvn'
  | 'maven-3.9'
  | 'maven-3.10'
  | 'maven-4'
  | 'maven-warm'
  | 'sbt'
  | 'sbt-warm'
  | 'coursier'
  | 'lein'
  | 'ivy'
  | 'gradle'
  | 'nginx'
  | 'pip'
  | 'uv'
  | 'twine'
  | 'poetry'
  | 'pdm'
  | 'hatch'
  | 'hatchling'
  | 'flit'
  | 'maturin'
  | 'python-build'
  | 'devpi-server'
  | 'devpi-init'
  | 'pypiserver'
  | 'cargo'
  | 'composer'
  | 'composer-2.11'
  | 'ruby'
  | 'gem'
  | 'bundle'
  | 'ruby-3.6'
  | 'gem-3.6'
  | 'bundle-2.6'
  | 'ruby-4'
  | 'gem-4'
  | 'bundle-4';

interface IToolLayout {
  /** The folder, if it is not called as the tool: some bring several programs. */
  folder?: string;
  /** Below the tool's folder. */
  file: string;
  /** The runtime that has to run `file`; none where it is a program itself. */
  by?: 'node' | 'node-22';
  /** The package.json that states the version. */
  manifest?: string;
  /** Name on PATH, where any version does. A package manager of unknown version does not. */
  onPath?: string;
}

const npmTool = (packageName: string, file: string, by?: IToolLayout['by'], onPath?: string): IToolLayout => ({
  file: `node_modules/${file}`,
  by,
  manifest: `node_modules/${packageName}/package.json`,
  onPath,
});

const layouts: Record<TToolName, IToolLayout> = {
  'node-22': npmTool('node', 'node/bin/node'),
  deno: npmTool('deno', '.bin/deno', undefined, 'deno'),
  bun: npmTool('bun', '.bin/bun', undefined, 'bun'),
  'npm-10': npmTool('npm', 'npm/bin/npm-cli.js', 'node'),
  'npm-11': npmTool('npm', 'npm/bin/npm-cli.js', 'node'),
  'pnpm-10': npmTool('pnpm', 'pnpm/bin/pnpm.cjs', 'node'),
  'pnpm-12': npmTool('pnpm', '.bin/pnpm'),
  'yarn-1': npmTool('yarn', 'yarn/bin/yarn.js', 'node'),
  'yarn-4': npmTool('@yarnpkg/cli-dist', '@yarnpkg/cli-dist/bin/yarn.js', 'node'),
  verdaccio: npmTool('verdaccio', 'verdaccio/bin/verdaccio', 'node-22'),
  versitygw: { file: 'versitygw', onPath: 'versitygw' },
  minio: { file: 'minio', onPath: 'minio' },
  'redis-server': { file: 'bin/redis-server', onPath: 'redis-server' },
  // beside it is initdb
  postgres: { file: 'bin/postgres', onPath: 'postgres' },
  crane: { file: 'crane', onPath: 'crane' },
  oras: { file: 'oras', onPath: 'oras' },
  regctl: { file: 'regctl', onPath: 'regctl' },
  skopeo: { file: 'skopeo', onPath: 'skopeo' },
  buildah: { file: 'buildah', onPath: 'buildah' },
  podman: { file: 'podman', onPath: 'podman' },
  distribution: { file: 'distribution' },
  // Which tests it makes is a question of its version, so only the pinned one will do.
  'oci-conformance': { file: 'oci-conformance' },
  helm: { file: 'helm', onPath: 'helm' },
  cosign: { file: 'usr/bin/cosign', onPath: 'cosign' },
  ko: { file: 'ko', onPath: 'ko' },
  umoci: { file: 'umoci', onPath: 'umoci' },
  buildctl: { folder: 'buildkit', file: 'buildctl' },
  buildkitd: { folder: 'buildkit', file: 'buildkitd' },
  // Later ones ask in other ways: this is the last version that looks for the header of version 1 of the API.
  docker: { folder: 'docker-20', file: 'usr/bin/docker' },
  dockerd: { folder: 'docker-20', file: 'usr/sbin/dockerd' },
  containerd: { folder: 'docker-20', file: 'usr/bin/containerd' },
  ctr: { folder: 'docker-20', file: 'usr/bin/ctr' },
  dxf: { folder: 'oci-python', file: 'bin/dxf' },
  // the interpreter that has the library
  'oras-py': { folder: 'oci-python', file: 'bin/python' },
  mvn: { file: 'bin/mvn', onPath: 'mvn' },
  'maven-3.9': { file: 'bin/mvn' },
  'maven-3.10': { file: 'bin/mvn' },
  'maven-4': { file: 'bin/mvn' },
  // folders with what the others would have to download: no programs
  'maven-warm': { file: 'repository' },
  'sbt-warm': { file: 'boot' },
  // folders of jars
  sbt: { file: 'lib' },
  coursier: { file: 'lib' },
  ivy: { file: 'usr/share/java/ivy.jar' },
  lein: { file: 'bin/lein', onPath: 'lein' },
  gradle: { file: 'bin/gradle', onPath: 'gradle' },
  // its folder has rustc too
  cargo: { file: 'toolchain/bin/cargo' },
  nginx: { file: 'usr/sbin/nginx', onPath: 'nginx' },
  pip: { folder: 'pypi-clients', file: 'bin/pip' },
  uv: { folder: 'pypi-clients', file: 'bin/uv' },
  twine: { folder: 'pypi-clients', file: 'bin/twine' },
  poetry: { folder: 'pypi-poetry', file: 'bin/poetry' },
  pdm: { folder: 'pypi-pdm', file: 'bin/pdm' },
  hatch: { folder: 'pypi-builders', file: 'bin/hatch' },
  hatchling: { folder: 'pypi-builders', file: 'bin/hatchling' },
  flit: { folder: 'pypi-builders', file: 'bin/flit' },
  maturin: { folder: 'pypi-builders', file: 'bin/maturin' },
  'python-build': { folder: 'pypi-builders', file: 'bin/pyproject-build' },
  'devpi-server': { folder: 'pypi-peers', file: 'bin/devpi-server' },
  'devpi-init': { folder: 'pypi-peers', file: 'bin/devpi-init' },
  pypiserver: { folder: 'pypi-peers', file: 'bin/pypi-server' },
  composer: { file: 'usr/bin/composer', onPath: 'composer' },
  'composer-2.11': { file: 'usr/bin/composer' },
  ruby: { file: 'bin/ruby', onPath: 'ruby' },
  gem: { file: 'bin/gem', onPath: 'gem' },
  bundle: { file: 'bin/bundle', onPath: 'bundle' },
  'ruby-3.6': { file: 'bin/ruby' },
  'gem-3.6': { folder: 'ruby-3.6', file: 'bin/gem' },
  'bundle-2.6': { folder: 'ruby-3.6', file: 'bin/bundle' },
  'ruby-4': { file: 'bin/ruby' },
  'gem-4': { folder: 'ruby-4', file: 'bin/gem' },
  'bundle-4': { folder: 'ruby-4', file: 'bin/bundle' },
};

export const toolsFolder = (): string =>
  process.env.SMARTREGISTRY_TOOLS ?? join(homedir(), '.cache', 'smartregistry-tools');

const isProgram = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // absent, or not ours to run: both mean "not this one"
  }
};

/** Where Debian puts the programs of PostgreSQL, the newest version first. */
const postgresqlFolders = (): string[] => {
  const versions = '/usr/lib/postgresql';
  if (!existsSync(versions)) return [];
  const newestFirst = readdirSync(versions).sort((a, b) => Number(b) - Number(a));
  return newestFirst.map((version) => join(versions, version, 'bin'));
};

const onPath = (program: string): string | undefined => {
  const folders = [...(process.env.PATH ?? '').split(delimiter), join(homedir(), 'go', 'bin'), ...postgresqlFolders()];
  return folders
    .filter(Boolean)
    .map((folder) => join(folder, program))
    .find(isProgram);
};

/** The tool, or `null` with one printed line that names what would bring it. */
export const findTool = (name: TToolName): ITool | null => {
  const layout = layouts[name];
  const folder = join(toolsFolder(), layout.folder ?? name);
  const file = join(folder, layout.file);
  if (existsSync(file)) {
    const runner = layout.by === 'node-22' ? findTool('node-22')?.command[0] : process.execPath;
    if (!runner) {
      return null;
    }
    const manifest = layout.manifest && (JSON.parse(readFileSync(join(folder, layout.manifest), 'utf8')) as unknown);
    const version = (manifest as { version?: string } | undefined)?.version ?? 'unknown';
    return { name, command: layout.by ? [runner, file] : [file], version };
  }
  const found = layout.onPath && onPath(layout.onPath);
  if (found) {
    return { name, command: [found], version: 'unknown' };
  }
  console.log(`# no ${name}: neither ${file} nor PATH has it; \`bash .ci/install-clients.sh ${name}\` installs it`);
  return null;
};

/** The tools by name; `null`, and one skipped test, if one of them is not installed. */
export const toolsOrSkip = (t: Test, names: readonly TToolName[]): Map<TToolName, ITool> | null => {
  const tools = new Map<TToolName, ITool>();
  for (const name of names) {
    const tool = findTool(name);
    if (!tool) {
      t.pass('not run', { skip: `${name} is not installed` });
      return null;
    }
    tools.set(name, tool);
  }
  return tools;
};
