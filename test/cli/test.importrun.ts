import t from 'tap';
import { type IImportResult, type IImportTarget, ImportRun } from '../../ts/cli/importing/classes.importrun.js';
import type { IFoundFile } from '../../ts/cli/importing/helpers.files.js';
import type { IImportItem, TPublished } from '../../ts/core/pipeline/interfaces.importing.js';
import { RegistryError } from '../../ts/index.js';
import { manyTurns } from '../support/waiting.js';

const fileAt = (path: string, more: Partial<IFoundFile> = {}): IFoundFile => ({
  path,
  below: path,
  isNamed: false,
  size: 1,
  ...more,
});

interface IFake {
  protocol?: string;
  accepts?(name: string, path?: string): boolean;
  item?: Partial<IImportItem> | ((name: string) => Partial<IImportItem>);
  upload?(path: string, options: { userId?: string; signal?: AbortSignal }): Promise<void>;
}

/** A protocol whose files are packages of the name that they have. */
const targetOf = ({ protocol = 'npm', accepts = () => true, item = {}, upload = async () => {} }: IFake = {}) =>
  ({
    registry: {
      protocol,
      runAsOperator: ({ path }: { path: string }, options: { userId?: string }) => upload(path, options),
    },
    importer: {
      accepts,
      inspect: async ({ name }: { name: string }) => ({
        packageName: name,
        request: async () => ({ method: 'PUT', path: `/${name}` }),
        ...(typeof item === 'function' ? item(name) : item),
      }),
    },
  }) as unknown as IImportTarget;

const importThem = async (files: IFoundFile[], targets: IImportTarget[], signal = new AbortController().signal) => {
  const results: IImportResult[] = [];
  const onResult = (result: IImportResult) => void results.push(result);
  await new ImportRun({ targets, userId: 'import', signal, onResult }).run(files);
  return results;
};

const taken = async () => {
  throw new RegistryError('alreadyExists', 'It is there.');
};

t.test('what becomes of a file', async (t) => {
  const one = async (fake: IFake, file = fileAt('folder/a')) => (await importThem([file], [targetOf(fake)]))[0];
  const label = 'npm a 1.0.0';
  const version = '1.0.0';
  const at = { path: 'folder/a' };
  t.same(await one({ item: { version } }), { ...at, label, outcome: 'imported' });
  t.same(await one({}), { ...at, label: 'npm a', outcome: 'imported' });
  const present = { ...at, label, outcome: 'present' };
  let sent = 0;
  const upload = async () => void sent++;
  t.same(await one({ item: { version, published: async () => 'same' as const }, upload }), present);
  t.equal(sent, 0, 'it is not sent');
  t.same(await one({ item: { version }, upload: taken }), present, 'nobody can tell');
  let asked = 0;
  const later = (answer: TPublished) => async () => (++asked % 2 === 0 ? answer : 'nothing');
  t.same(
    await one({ item: { version, published: later('same') }, upload: taken }),
    present,
    'by somebody else meanwhile',
  );
  t.same(await one({ item: { version, published: later('other') }, upload: taken }), {
    ...at,
    label,
    outcome: 'failed',
    reason: 'It is there. The content of this file differs from the published one.',
  });
  t.equal(asked, 4);
  const failures: [Error, string][] = [
    [new RegistryError('invalid', 'It is none.'), 'It is none.'],
    [new RegistryError('invalid', 'It is none.', { cause: new Error('why') }), 'It is none.'],
    [new RegistryError('internal', 'It broke', { cause: new Error('why') }), 'It broke: why'],
    [new RegistryError('internal', 'It broke'), 'It broke'],
    [Object.assign(new Error('x'), { code: 'ENOENT' }), 'cannot be read: ENOENT'],
    [new Error('odd'), 'Error: odd'],
  ];
  for (const [error, reason] of failures) {
    const upload = () => Promise.reject(error);
    // the reason of a failed upload is that of a file that cannot be inspected
    t.same(await one({ upload }), { ...at, outcome: 'failed', reason });
  }
  t.same(await one({}, fileAt('a', { failure: 'cannot be read: EACCES' })), {
    path: 'a',
    outcome: 'failed',
    reason: 'cannot be read: EACCES',
  });
  const broken = fileAt('readme.md', { failure: 'cannot be read: ENOENT' });
  t.same(await one({ accepts: (name) => name.endsWith('.tgz') }, broken), { path: 'readme.md', outcome: 'skipped' });
  t.match(await one({ accepts: () => false }, { ...broken, isNamed: true }), { outcome: 'failed' });
});

t.test('which protocol takes a file', async (t) => {
  const seen: unknown[] = [];
  const npm = targetOf({ accepts: (name, path) => seen.push([name, path]) > 0 && name.endsWith('.tgz') });
  const gems = targetOf({ protocol: 'rubygems', accepts: (name) => name.endsWith('.gem') || name === 'both.tgz' });
  const files = ['x/a.tgz', 'b.gem', 'c.txt'].map((path) => fileAt(path, { below: `below/${path}` }));
  const results = await importThem([...files, fileAt('d.txt', { isNamed: true }), fileAt('both.tgz')], [npm, gems]);
  const byPath = (a: IImportResult, b: IImportResult) => (a.path < b.path ? -1 : 1);
  t.same(
    results.sort(byPath),
    [
      { path: 'x/a.tgz', label: 'npm a.tgz', outcome: 'imported' },
      { path: 'b.gem', label: 'rubygems b.gem', outcome: 'imported' },
      { path: 'c.txt', outcome: 'skipped' },
      { path: 'd.txt', outcome: 'failed', reason: 'is not named like a package of npm or rubygems' },
      { path: 'both.tgz', outcome: 'failed', reason: 'may be for npm or rubygems: say which with --protocol' },
    ].sort(byPath as never),
  );
  t.same(seen[0], ['a.tgz', 'below/x/a.tgz']);
});

t.test('a name that fits several protocols: the one that takes the content gets the file', async (t) => {
  const refuse = (protocol: string, error: Error) => ({
    ...targetOf({ protocol }),
    importer: { accepts: () => true, inspect: () => Promise.reject(error) },
  });
  const invalid = (text: string) => new RegistryError('invalid', text);
  const one = async (...targets: unknown[]) => (await importThem([fileAt('a')], targets as IImportTarget[]))[0];
  const imported = { path: 'a', label: 'npm a', outcome: 'imported' };
  t.same(await one(refuse('rubygems', invalid('No gem.')), targetOf()), imported);
  t.same(await one(targetOf(), refuse('rubygems', invalid('No gem.'))), imported, 'in either order');
  t.match(await one(refuse('rubygems', invalid('No gem.')), refuse('pypi', invalid('No wheel.'))), {
    outcome: 'failed',
    reason: 'rubygems: No gem.; pypi: No wheel.',
  });
  const unreadable = Object.assign(new Error('x'), { code: 'EACCES' });
  t.match(await one(refuse('rubygems', unreadable), refuse('pypi', unreadable)), {
    outcome: 'failed',
    reason: 'cannot be read: EACCES',
  });
});

t.test('four packages at a time, and the files of one package one after the other', async (t) => {
  const waiting = new Map<string, () => void>();
  const begun: string[] = [];
  const upload = (path: string, { userId, signal }: { userId?: string; signal?: AbortSignal }) => {
    t.equal(userId, 'import');
    t.ok(signal instanceof AbortSignal);
    begun.push(path);
    return new Promise<void>((resolve) => {
      waiting.set(path, resolve);
    });
  };
  const item = (name: string) => ({ packageName: name.slice(0, 1) });
  const names = ['a1', 'a2', 'b1', 'c1', 'd1', 'e1'];
  const running = importThem(
    names.map((name) => fileAt(name)),
    [targetOf({ upload, item })],
  );
  await manyTurns();
  t.same(begun, ['/a1', '/b1', '/c1']);
  waiting.get('/a1')?.();
  await manyTurns();
  t.same(begun.slice(3).sort(), ['/a2', '/d1']);
  for (const path of ['/a2', '/b1', '/c1', '/d1']) waiting.get(path)?.();
  await manyTurns();
  waiting.get('/e1')?.();
  t.same(
    (await running).map(({ outcome }) => outcome),
    Array(6).fill('imported'),
  );
});

t.test('a failure of one file does not keep the next one of its package from being sent', async (t) => {
  let first = true;
  const upload = async () => {
    if (!first) return;
    first = false;
    throw new RegistryError('invalid', 'It is none.');
  };
  const results = await importThem([fileAt('a1'), fileAt('a2')], [targetOf({ upload, item: { packageName: 'a' } })]);
  t.same(
    results.map(({ outcome }) => outcome),
    ['failed', 'imported'],
  );
});

t.test('an abort begins nothing more, and what it ends is no failure', async (t) => {
  const abort = new AbortController();
  const begun: string[] = [];
  const upload = async (path: string) => {
    begun.push(path);
    abort.abort();
    throw new Error('aborted');
  };
  const names = Array.from({ length: 9 }, (_, at) => `f${at}`);
  const target = targetOf({ upload, item: { packageName: 'one' } });
  t.same(
    await importThem(
      names.map((name) => fileAt(name)),
      [target],
      abort.signal,
    ),
    [],
  );
  t.same(begun, ['/f0']);
});
