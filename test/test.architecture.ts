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
  const [, folder] = file.split('/') as [string, string];
  if (folder.endsWith('.ts')) return 'top';
  return PROTOCOLS.includes(folder) ? 'protocol' : folder;
};

/** The rooms of core in the order in which they may import: each file only from its own room and those before it. */
const ROOMS = [
  [
    'ts/plugins.ts',
    'ts/core/interfaces.core.ts',
    'ts/core/interfaces.commands.ts',
    'ts/core/classes.registryerror.ts',
    'ts/core/classes.configerror.ts',
  ],
  ['ts/core/base/'],
  ['ts/core/archives/'],
  ['ts/core/objectstore/'],
  ['ts/core/storage/'],
  ['ts/core/classes.registrystorage.ts'],
  ['ts/core/listing/'],
  ['ts/core/auth/'],
  ['ts/core/classes.authmanager.ts'],
  ['ts/core/pipeline/'],
  ['ts/core/classes.baseregistry.ts'],
  ['ts/core/classes.packageregistry.ts'],
];
const room = (file: string): number => ROOMS.findIndex((places) => places.some((place) => file.startsWith(place)));

t.test('every import of ours leads to a file', async (t) => {
  for (const { from, to } of imports) if (to.startsWith('ts/')) t.ok(existsSync(join(top, to)), `${from} -> ${to}`);
});

t.test('imports go one way', async (t) => {
  const allowed: Record<string, (from: string, to: string) => boolean> = {
    top: () => true,
    core: (from, to) => room(to) !== -1 && room(to) <= room(from),
    upstream: (_from, to) => zone(to) === 'upstream' || zone(to) === 'core' || to === 'ts/plugins.ts',
    protocol: (from, to) =>
      (zone(to) === 'core' &&
        !to.startsWith('ts/core/objectstore/directory/') &&
        !to.startsWith('ts/core/objectstore/s3/')) ||
      to.split('/')[1] === from.split('/')[1] ||
      to === 'ts/plugins.ts',
    http: (_from, to) => zone(to) === 'http' || zone(to) === 'core',
    config: (_from, to) => zone(to) === 'config' || zone(to) === 'core' || to === 'ts/interfaces.config.ts',
    cli: (_from, to) => ['cli', 'http', 'config', 'core', 'top'].includes(zone(to)) && to !== 'ts/index.ts',
  };
  for (const { from, to } of imports) {
    if (to.startsWith('ts/')) t.ok(allowed[zone(from)]?.(from, to), `${from} -> ${to}`);
  }
});

t.test('no file imports itself by way of others, not even for a type', async (t) => {
  // Tarjan's strongly connected components: every file has to be one of its own
  const edges = new Map(sources.map((file) => [file, imports.filter(({ from }) => from === file).map(({ to }) => to)]));
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const open: string[] = [];
  const visit = (file: string): void => {
    order.set(file, order.size);
    low.set(file, order.get(file) as number);
    open.push(file);
    for (const next of edges.get(file) ?? []) {
      if (!edges.has(next)) continue;
      if (!order.has(next)) visit(next);
      if (open.includes(next)) low.set(file, Math.min(low.get(file) as number, low.get(next) as number));
    }
    if (low.get(file) !== order.get(file)) return;
    const circle = open.splice(open.indexOf(file));
    t.equal(circle.length, 1, circle.join(', '));
  };
  for (const file of sources) if (!order.has(file)) visit(file);
});

t.test('no protocol knows another, and core knows none', async (t) => {
  for (const { from, to } of imports) {
    if (!to.startsWith('ts/') || zone(to) !== 'protocol') continue;
    t.ok(
      ['ts/classes.smartregistry.ts', 'ts/interfaces.config.ts'].includes(from) ||
        from.split('/')[1] === to.split('/')[1],
      `${from} -> ${to}`,
    );
  }
});

t.test('wire formats and keys are pure', async (t) => {
  const libraries = ['semver', 'fast-xml-parser', 'yaml', 'fflate', 'smol-toml', 'stream-json', 'tar-stream'];
  for (const { from, to, typeOnly } of imports) {
    if (!/\/(wire|keys)\.[^/]+$/.test(from) || typeOnly) continue;
    const pure =
      /\/(wire|keys|helpers|interfaces)\.[^/]+$/.test(to) ||
      room(to) === 0 ||
      to.startsWith('node:') ||
      libraries.some((library) => to === library || to.startsWith(`${library}/`));
    t.ok(pure, `${from} -> ${to}`);
  }
});

t.test('heavy libraries load when they are used', async (t) => {
  for (const from of sources) {
    const text = read(from).replace(/import type [^;]*;/g, '');
    t.notMatch(text, /^import [^;]*'(@aws-sdk\/[^']*|@tsclass\/tsclass|@push\.rocks\/smartbucket|redis|pg)'/m, from);
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
