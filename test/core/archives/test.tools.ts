import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import t from 'tap';
import { inspectTarGz } from '../../../ts/core/archives/tar/helpers.targz.js';
import { collectTexts } from '../../../ts/core/archives/tar/helpers.texts.js';
import type { ITarTexts } from '../../../ts/core/archives/tar/interfaces.tar.js';
import { inspectZip } from '../../../ts/core/archives/zip/helpers.zip.js';
import type { IZipFacts } from '../../../ts/core/archives/zip/interfaces.zip.js';
import { collect, inPieces } from '../../support/archives/pieces.js';
import { temporaryFolder } from '../../support/registry.js';

/** What the tools on this machine really write has to be accepted. */

const LONG = 'l'.repeat(120);
const CONFIG = ['-c', 'user.name=a', '-c', 'user.email=a@example.org'];

/** A folder `demo` with a wanted file, a long name, a name in UTF-8, an empty file and a program. */
const sources = (folder: string): void => {
  mkdirSync(join(folder, 'demo', LONG), { recursive: true });
  writeFileSync(join(folder, 'demo/wanted'), 'wanted\n'.repeat(100));
  writeFileSync(join(folder, 'demo', LONG, LONG), 'x');
  writeFileSync(join(folder, 'demo/ü'), 'x');
  writeFileSync(join(folder, 'demo/empty'), '');
  writeFileSync(join(folder, 'demo/program'), '#!/bin/sh\n');
  chmodSync(join(folder, 'demo/program'), 0o755);
};

const wanted = (path: string) => (path === 'demo/wanted' ? 10_000 : undefined);

const readZip = async (bytes: Buffer, names: 'utf8' | 'any'): Promise<IZipFacts> => {
  let found: IZipFacts | undefined;
  const rules = {
    noun: 'The zip',
    maxUnpackedSize: 1e6,
    topFolder: 'demo',
    links: 'refuse',
    names,
    unpacks: 'all',
    wanted,
  } as const;
  await collect(inspectZip(inPieces(bytes, 999), rules, (facts) => (found = facts)));
  return found as IZipFacts;
};

const readTar = async (bytes: Buffer): Promise<ITarTexts> => {
  let found: ITarTexts | undefined;
  const rules = {
    noun: 'The tarball',
    maxUnpackedSize: 1e6,
    topFolder: 'demo',
    links: 'refuse',
    strict: true,
  } as const;
  await collect(inspectTarGz(inPieces(bytes, 999), rules, collectTexts('x', wanted), (texts) => (found = texts)));
  return found as ITarTexts;
};

/** The name of the tool, how it is called, and whether it marks names as UTF-8. */
type TTool = [name: string, command: string, options: string[], names?: 'any'];

const PYTHON_ZIP = `
import os, sys, zipfile
class Pipe:
    def write(self, data): return sys.stdout.buffer.write(data)
    def flush(self): pass
kind, = sys.argv[1:]
out = Pipe() if 'pipe' in kind else open('python.zip', 'wb+')
with zipfile.ZipFile(out, 'w', zipfile.ZIP_STORED if 'stored' in kind else zipfile.ZIP_DEFLATED) as made:
    for folder, _, files in os.walk('demo'):
        for file in files:
            path = os.path.join(folder, file)
            with made.open(path, 'w', force_zip64='64' in kind) as entry: entry.write(open(path, 'rb').read())
if 'pipe' not in kind: sys.stdout.buffer.write(open('python.zip', 'rb').read())
`;
const PYTHON_TAR = `
import sys, tarfile
with tarfile.open(fileobj=sys.stdout.buffer, mode='w|gz', format=getattr(tarfile, sys.argv[1])) as made: made.add('demo')
`;
const PHP_ZIP = `
$made = new ZipArchive; $made->open('php.zip', ZipArchive::CREATE); $made->addEmptyDir('demo');
foreach (['wanted', 'empty', 'program', 'ü', '${LONG}/${LONG}'] as $name) $made->addFile("demo/$name", "demo/$name");
$made->setArchiveComment('made by php'); $made->close(); readfile('php.zip');
`;

const ZIPS: TTool[] = [
  ...['deflated', 'stored', 'deflated 64', 'stored 64', 'pipe', 'pipe stored', 'pipe 64', 'pipe stored 64'].map(
    (kind): TTool => [`zipfile, ${kind}`, 'python3', ['-c', PYTHON_ZIP, kind]],
  ),
  ['zip', 'sh', ['-c', 'zip -qr made.zip demo && cat made.zip'], 'any'],
  ['zip into a pipe', 'sh', ['-c', 'zip -qr - demo | cat'], 'any'],
  ['zip after a deletion', 'sh', ['-c', 'zip -qr less.zip demo && zip -qd less.zip demo/empty && cat less.zip'], 'any'],
  ['git', 'git', ['-C', 'demo', 'archive', '--format=zip', '--prefix=demo/', 'HEAD']],
  [
    'git with large files',
    'git',
    ['-C', 'demo', '-c', 'core.bigFileThreshold=1', 'archive', '--format=zip', '--prefix=demo/', 'HEAD'],
  ],
  ['php', 'php', ['-r', PHP_ZIP]],
];

const TARS: TTool[] = [
  ...['PAX_FORMAT', 'GNU_FORMAT'].map((format): TTool => [`tarfile, ${format}`, 'python3', ['-c', PYTHON_TAR, format]]),
  ...['gnu', 'pax', 'posix'].map((format): TTool => [`tar, ${format}`, 'tar', ['cz', `--format=${format}`, 'demo']]),
  ['git', 'git', ['-C', 'demo', 'archive', '--format=tar.gz', '--prefix=demo/', 'HEAD']],
];

/** What the tool writes; undefined if it is not on this machine. */
const made = (cwd: string, [, command, options]: TTool): Buffer | undefined => {
  try {
    return execFileSync(command, options, {
      cwd,
      env: { ...process.env, LC_ALL: 'C.UTF-8' },
      maxBuffer: 1e7,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return undefined;
  }
};

t.test('archives of real tools are read', async (t) => {
  const folder = await temporaryFolder(t);
  sources(folder);
  const git = (...options: string[]) =>
    execFileSync('git', [...CONFIG, ...options], { cwd: join(folder, 'demo'), stdio: 'ignore' });
  try {
    git('init');
    git('add', '.');
    git('commit', '-m', 'x');
  } catch {
    t.comment('git does not work here');
  }
  const check = async (
    tool: TTool,
    read: (bytes: Buffer) => Promise<{ texts: Map<string, Buffer> }>,
  ): Promise<void> => {
    const bytes = made(folder, tool);
    if (!bytes) return t.comment(`skipped: ${tool[0]} is not on this machine`);
    const { texts } = await read(bytes).catch((error: Error) => t.fail(`${tool[0]}: ${error}`) as never);
    t.equal(texts.get('demo/wanted')?.toString(), 'wanted\n'.repeat(100), tool[0]);
  };
  for (const tool of ZIPS) await check(tool, (bytes) => readZip(bytes, tool[3] ?? 'utf8'));
  for (const tool of TARS) await check(tool, readTar);
  const content = readFileSync(join(folder, 'demo/wanted'));
  const { texts } = await readZip(Buffer.from(zipSync({ demo: { wanted: content, ü: content } })), 'utf8');
  t.ok(texts.get('demo/wanted')?.equals(content), 'fflate');
});
