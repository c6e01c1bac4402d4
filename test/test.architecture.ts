import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { commitinfo } from '../ts/00_commitinfo_data.js';

const top = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const read = (file: string): string => readFileSync(join(top, file), 'utf8');

const walk = (folder: string): string[] =>
  readdirSync(join(top, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? walk(path) : entry.name.endsWith('.ts') ? [path] : [];
  });

const sources = walk('ts');
const IMPORT = /(?:^|\n)\s*(?:import|export)\s(?:[^'";]*?\sfrom\s)?'([^']+)'|\bimport\('([^']+)'\)/g;

interface IImport {
  from: string;
  /** a file of ours relative to the top, or a package */
  to: string;
  typeOnly: boolean;
}

const imports: IImport[] = sources.flatMap((from) =>
  [...read(from).matchAll(IMPORT)].map((match) => {
    const name = (match[1] ?? match[2]) as string;
    const typeOnly = /^\s*(?:import|export) type\s/.test(match[0]);
    const to = name.startsWith('.') ? relative(top, join(top, dirname(from), name)).replace(/\.js$/, '.ts') : name;
    return { from, to, typeOnly };
  }),
);

const PROTOCOLS = ['oci', 'npm', 'maven', 'cargo', 'composer', 'pypi', 'rubygems'];
const zone = (file: string): string => {
  const [, folder, inner] = file.split('/') as [string, string, string?];
  if (folder.endsWith('.ts')) return 'top';
  if (file.startsWith('ts/core/auth/tokenstores/')) return 'tokenstores';
  if (folder === 'core' && inner === 'objectstore') return inner;
  return PROTOCOLS.includes(folder) ? 'protocol' : folder;
};

t.test('every import of ours leads to a file', async (t) => {
  for (const { from, to } of imports) if (to.startsWith('ts/')) t.ok(existsSync(join(top, to)), `${from} -> ${to}`);
});

t.test('imports go one way', async (t) => {
  const seam = [
    'ts/core/classes.registryerror.ts',
    'ts/core/base/helpers.streams.ts',
    'ts/core/interfaces.core.ts',
    'ts/plugins.ts',
  ];
  const allowed: Record<string, (from: string, to: string) => boolean> = {
    top: () => true,
    core: (_from, to) => ['core', 'objectstore', 'tokenstores'].includes(zone(to)) || to === 'ts/plugins.ts',
    objectstore: (_from, to) => zone(to) === 'objectstore' || seam.includes(to),
    tokenstores: (_from, to) => ['tokenstores', 'core'].includes(zone(to)) || to === 'ts/plugins.ts',
    protocol: (from, to) => zone(to) === 'core' || dirname(to).startsWith(dirname(from)) || to === 'ts/plugins.ts',
    http: (_from, to) => zone(to) === 'http' || ['ts/index.ts', 'ts/core/base/helpers.streams.ts'].includes(to),
    cli: (_from, to) =>
      zone(to) === 'cli' || ['ts/index.ts', 'ts/core/base/helpers.streams.ts', 'ts/00_commitinfo_data.ts'].includes(to),
  };
  for (const { from, to, typeOnly } of imports) {
    if (!to.startsWith('ts/')) continue;
    const rule = allowed[zone(from)];
    // types vanish when compiled; only core's own types of its drivers and services cross the other way
    if (typeOnly && zone(from) === 'core') continue;
    t.ok(rule?.(from, to), `${from} -> ${to}`);
  }
});

t.test('no protocol knows another, and core knows none', async (t) => {
  for (const { from, to } of imports) {
    if (!to.startsWith('ts/') || zone(to) !== 'protocol') continue;
    t.ok(from === 'ts/classes.smartregistry.ts' || dirname(from).startsWith(dirname(to)), `${from} -> ${to}`);
  }
});

t.test('wire formats and keys are pure', async (t) => {
  const libraries = ['semver', 'fast-xml-parser', 'yaml', 'fflate', 'stream-json', 'tar-stream'];
  for (const { from, to, typeOnly } of imports) {
    if (!/\/(wire|keys)\.[^/]+$/.test(from) || typeOnly) continue;
    const pure =
      /\/(wire|keys|helpers|interfaces)\.[^/]+$/.test(to) ||
      ['ts/core/classes.registryerror.ts', 'ts/plugins.ts'].includes(to) ||
      to.startsWith('node:') ||
      libraries.some((library) => to === library || to.startsWith(`${library}/`));
    t.ok(pure, `${from} -> ${to}`);
  }
});

t.test('heavy libraries load when they are used', async (t) => {
  for (const from of sources) {
    const text = read(from).replace(/import type [^;]*;/g, '');
    t.notMatch(text, /^import [^;]*'(@aws-sdk\/[^']*|@push\.rocks\/smartbucket|redis|pg)'/m, from);
  }
});

t.test('files are small', async (t) => {
  const lengths = sources.map((file) => ({ file, lines: read(file).split('\n').length }));
  for (const { file, lines } of lengths) t.ok(lines <= 350, `${file} has ${lines} lines`);
  const sorted = lengths.map(({ lines }) => lines).sort((a, b) => a - b);
  const median = sorted[sorted.length >> 1] as number;
  t.ok(median <= 150, `the median is ${median} lines`);
});

t.test('the version is told the same everywhere', async (t) => {
  const manifest = JSON.parse(read('package.json')) as { name: string; version: string };
  t.equal(commitinfo.name, manifest.name);
  t.equal(commitinfo.version, manifest.version);
  t.match(read('changelog.md'), new RegExp(`^## ${manifest.version.replace(/\./g, '\\.')} `, 'm'));
});

t.test('the top level holds what was agreed', async (t) => {
  const known = [
    'ts',
    'test',
    'package.json',
    'tsconfig.json',
    'readme.md',
    'changelog.md',
    'LICENSE',
    'npmextra.json',
    'pnpm-lock.yaml',
    'pnpm-workspace.yaml',
    'node_modules',
    'dist_ts',
    'data',
  ];
  for (const entry of readdirSync(top)) t.ok(entry.startsWith('.') || known.includes(entry), entry);
});
