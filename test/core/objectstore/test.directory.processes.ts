import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { bytesOf, MIB, readAll } from '../../support/store/objectstore-bytes.js';
import { makeDirectory, openStore, textOf } from '../../support/store/objectstore-directory.js';

const WORKER = fileURLToPath(new URL('../../support/store/objectstore-worker.ts', import.meta.url));
const TIMEOUT = { timeout: 240_000 };
t.setTimeout(TIMEOUT.timeout);

interface IWorker {
  child: ChildProcess;
  lines: string[];
  go(): void;
  /** what it said, once it has ended */
  ended: Promise<string[]>;
}

const startWorker = async (t: Test, directory: string, task: string, count = 0): Promise<IWorker> => {
  const parameters = ['--import=tsx', WORKER, directory, task, String(count)];
  const child = spawn(process.execPath, parameters, { stdio: ['pipe', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const lines: string[] = [];
  const reader = createInterface(child.stdout!);
  const ready = once(reader, 'line');
  reader.on('line', (line) => lines.push(line));
  const ended = Promise.all([once(child, 'close'), once(reader, 'close')]).then(() => lines);
  await ready;
  return { child, lines, ended, go: () => child.stdin!.write('go\n') };
};

const startWorkers = (t: Test, directory: string, task: string, hands: number, count = 0): Promise<IWorker[]> =>
  Promise.all(Array.from({ length: hands }, () => startWorker(t, directory, task, count)));

/** Waits for its first lines; a worker that died before is a failure, not a reason to wait for ever. */
const hasSaid = async ({ child, lines }: IWorker, count: number): Promise<void> => {
  while (lines.length < count) {
    if (child.exitCode !== null) throw new Error(`a worker ended after ${lines.join(', ')}`);
    await delay(5);
  }
};

t.test('twenty writers in four processes: exactly one wins', TIMEOUT, async (t) => {
  const rounds = 10;
  const directory = await makeDirectory(t);
  const workers = await startWorkers(t, directory, 'create', 4, rounds);
  for (const worker of workers) worker.go();
  const said = (await Promise.all(workers.map(({ ended }) => ended))).flat();
  const store = await openStore(directory);
  for (let round = 0; round < rounds; round++) {
    const of = (word: string) => said.filter((line) => line.startsWith(`${word} ${round} `));
    t.equal(of('won').length, 1, 'one has won');
    t.equal(of('lost').length, 19, 'and nineteen were told that they had not');
    t.equal(`won ${round} ${await textOf(store, `race-${round}`)}`, of('won')[0]);
  }
  t.same(await readdir(join(directory, 'tmp')), [], 'no draft is left');
});

t.test('four processes count to 600, each falling asleep now and then', TIMEOUT, async (t) => {
  const directory = await makeDirectory(t);
  const workers = await startWorkers(t, directory, 'increment', 4, 150);
  for (const worker of workers) worker.go();
  const said = (await Promise.all(workers.map(({ ended }) => ended))).flat();
  const counted = said.filter((line) => line.startsWith('counted ')).map((line) => Number(line.slice(8)));
  t.same(
    counted.sort((a, b) => a - b),
    Array.from({ length: 600 }, (_, i) => i + 1),
    'every number was given once',
  );
  const store = await openStore(directory);
  t.equal(await textOf(store, 'counter'), '600');
  t.equal((await readdir(join(directory, 'objects/counter='))).length, 2, 'the marker and one generation are left');
  t.same(await readdir(join(directory, 'tmp')), []);
});

t.test('some are killed while they count: what was acknowledged is there', TIMEOUT, async (t) => {
  const directory = await makeDirectory(t);
  const workers = await startWorkers(t, directory, 'increment', 6, 80);
  for (const worker of workers) worker.go();
  const victims = workers.slice(0, 3);
  for (const victim of victims) {
    await hasSaid(victim, 10);
    await delay(Math.random() * 50);
    victim.child.kill('SIGKILL');
  }
  const said = (await Promise.all(workers.map(({ ended }) => ended))).flat();
  const counted = said.filter((line) => line.startsWith('counted ')).map((line) => Number(line.slice(8)));
  t.equal(new Set(counted).size, counted.length, 'no number was given twice');
  const value = Number(await textOf(await openStore(directory), 'counter'));
  t.ok(value >= counted.length, `${value} holds all ${counted.length} that were acknowledged`);
  t.ok(value <= counted.length + victims.length, 'and at most one more for each that was killed');
  t.equal(Math.max(...counted) <= value, true);
});

t.test('kill -9 in the middle of a put leaves the old object whole', TIMEOUT, async (t) => {
  const directory = await makeDirectory(t);
  const store = await openStore(directory);
  for (const immutable of [false, true]) {
    await store.delete('doc');
    const { etag } = await store.put('doc', bytesOf(3 * MIB), { immutable });
    const worker = await startWorker(t, directory, 'upload');
    const drafts = () => readdir(join(directory, 'tmp'));
    const before = await drafts();
    worker.go();
    for (let written = 0; written < 5 * MIB; await delay(5)) {
      if (worker.child.exitCode !== null) throw new Error(`the upload ended: ${worker.lines}`);
      const draft = (await drafts()).find((name) => !before.includes(name));
      written = draft ? (await stat(join(directory, 'tmp', draft))).size : 0;
    }
    worker.child.kill('SIGKILL');
    await worker.ended;
    const fresh = await openStore(directory);
    t.equal((await fresh.head('doc'))?.etag, etag);
    const object = await fresh.get('doc');
    if (!object || object === 'notModified') throw new Error('the object is gone');
    t.ok((await readAll(object.body)).equals(bytesOf(3 * MIB)));
    await fresh.put('doc', Buffer.from('usable'), { ifMatch: etag });
    t.equal(await textOf(store, 'doc'), 'usable');
  }
});

t.test('kill -9 at any moment leaves whole objects and a store that works', TIMEOUT, async (t) => {
  const directory = await makeDirectory(t);
  const store = await openStore(directory);
  for (let round = 0; round < 8; round++) {
    const workers = await startWorkers(t, directory, 'churn', 2);
    for (const worker of workers) worker.go();
    for (const worker of workers) await hasSaid(worker, 4);
    await delay(Math.random() * 100);
    for (const { child } of workers) child.kill('SIGKILL');
    await Promise.all(workers.map(({ ended }) => ended));
    let seen = 0;
    for await (const item of store.list({ prefix: 'churn/' })) {
      if (!('key' in item)) continue;
      const object = await store.get(item.key);
      if (!object || object === 'notModified') throw new Error(`${item.key} is listed and absent`);
      const bytes = await readAll(object.body);
      t.ok(bytes.equals(bytesOf(item.size, Number(item.metadata?.seed))), `${item.key} is whole`);
      seen++;
    }
    t.ok(seen > 0, `${seen} objects`);
    for (const key of ['churn/doc-0', 'churn/whole-true', 'churn/whole-false']) {
      await store.put(key, bytesOf(10, 1), { metadata: { seed: '1' } });
      await store.delete(key, { ifMatch: (await store.head(key))!.etag });
      t.equal(await store.head(key), null);
    }
  }
});

t.test('a gigabyte in and out costs little memory', TIMEOUT, async (t) => {
  const worker = await startWorker(t, await makeDirectory(t), 'measure', 1024 * MIB);
  worker.go();
  const extra = Number((await worker.ended).find((line) => line.startsWith('extra '))?.slice(6));
  t.ok(extra < 96 * MIB, `${Math.round(extra / MIB)} MiB`);
  t.comment(`extra peak RSS: ${Math.round(extra / MIB)} MiB`);
});
