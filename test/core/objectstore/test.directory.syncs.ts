import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type IFiles, nodeFiles } from '../../../ts/core/objectstore/directory/files/helpers.files.js';
import { bytesOf, streamOf } from '../../support/store/objectstore-bytes.js';
import { Gate, makeDirectory, openStore } from '../../support/store/objectstore-directory.js';

// What was acknowledged must survive a loss of power. A killed process does not show whether it would: its writes are
// in the kernel's memory. So the order of changes and syncs is looked at, as the driver asks for them.

const LARGE = 200 * 1024;

/** A store, and the calls that change something or make it durable, with names that do not change from run to run. */
const watched = async (t: Test, replaced: Partial<IFiles> = {}) => {
  const directory = await makeDirectory(t);
  const calls: string[] = [];
  const opened = new Map<number, string>();
  const short = (path: string): string =>
    path
      .slice(directory.length + 1)
      .replace(/^tmp\/[\w-]+/, 'tmp/*')
      .replace(/[0-9a-f]{16}/, 'M');
  const files = { ...nodeFiles, ...replaced };
  const noted = async (path: string, opening: Promise<number>): Promise<number> => {
    const fd = await opening;
    opened.set(fd, short(path));
    return fd;
  };
  const store = await openStore(directory, {
    ...files,
    open: (path, flags) => noted(path, files.open(path, flags)),
    openHot: (path) => noted(path, files.openHot(path)),
    fsync: async (fd) => {
      await files.fsync(fd);
      calls.push(`sync ${opened.get(fd)}`);
    },
    write: async (fd, bytes, position) => {
      await files.write(fd, bytes, position);
      calls.push(`write ${opened.get(fd)}`);
    },
    link: async (from, to) => {
      await files.link(from, to);
      calls.push(`link ${short(to)}`);
    },
    rename: async (from, to) => {
      await files.rename(from, to);
      calls.push(`rename ${short(to)}`);
    },
    mkdir: async (path) => {
      await files.mkdir(path);
      calls.push(`mkdir ${short(path)}`);
    },
    unlink: async (path) => {
      await files.unlink(path);
      calls.push(`unlink ${short(path)}`);
    },
  });
  /** the calls that `work` leads to, without what happens to drafts after they are published */
  const during = async (work: () => Promise<unknown>): Promise<string[]> => {
    calls.length = 0;
    await work();
    return calls.filter((call) => call !== 'unlink tmp/*');
  };
  return { store, during, calls };
};

/** Each of `wanted` is among the calls, in this order. */
const inOrder = (t: Test, calls: string[], wanted: string[], message: string): void => {
  let at = 0;
  for (const call of calls) if (call === wanted[at]) at++;
  t.same(wanted.slice(0, at), wanted, `${message}: ${calls.join(', ')}`);
};

t.test('the first version of a document: the file, its directory and the name of that', async (t) => {
  const { store, during } = await watched(t);
  const calls = await during(() => store.put('doc', bytesOf(10)));
  inOrder(t, calls, ['write tmp/*/M.1', 'sync tmp/*/M.1', 'rename objects/doc=', 'sync objects/doc='], 'the directory');
  inOrder(t, calls, ['rename objects/doc=', 'sync objects'], 'its name');
});

t.test('the next version: the file before it has its name, and the directory after', async (t) => {
  const { store, during } = await watched(t);
  await store.put('doc', bytesOf(10));
  const wanted = ['write tmp/*', 'sync tmp/*', 'link objects/doc=/M.2', 'sync objects/doc='];
  inOrder(t, await during(() => store.put('doc', bytesOf(11))), wanted, 'a small body');
  wanted[2] = 'link objects/doc=/M.3';
  inOrder(t, await during(() => store.put('doc', streamOf(LARGE))), wanted, 'a large body');
  wanted[2] = 'link objects/doc=/M.4';
  inOrder(t, await during(() => store.delete('doc')), wanted, 'a tombstone');
});

t.test('an immutable object: the file with its header before it has its name, and the folder after', async (t) => {
  const { store, during } = await watched(t);
  const wanted = ['write tmp/*', 'sync tmp/*', 'link objects/small=', 'sync objects'];
  inOrder(t, await during(() => store.put('small', bytesOf(10), { immutable: true })), wanted, 'a small body');
  wanted[2] = 'link objects/large=';
  inOrder(t, await during(() => store.put('large', streamOf(LARGE), { immutable: true })), wanted, 'a large body');
  wanted[2] = 'link objects/one=';
  await store.put('part', streamOf(LARGE), { immutable: true, temporary: true });
  inOrder(t, await during(() => store.compose('one', ['part'], { immutable: true })), wanted, 'one part adopted');
  wanted[2] = 'link objects/two=';
  for (const key of ['a', 'b']) await store.put(key, streamOf(LARGE), { immutable: true, temporary: true });
  inOrder(t, await during(() => store.compose('two', ['a', 'b'], { immutable: true })), wanted, 'two parts copied');
});

t.test('a large document, put and composed: the whole file before the rename', async (t) => {
  const { store, during } = await watched(t);
  const wanted = ['write tmp/*', 'sync tmp/*', 'link tmp/*/M.1', 'rename objects/doc=', 'sync objects/doc='];
  const calls = await during(() => store.put('doc', streamOf(LARGE)));
  inOrder(
    t,
    calls.map((call) => call.replace(/^link tmp\/\*$/, 'link tmp/*/M.1')),
    wanted,
    'put',
  );
});

t.test('an immutable object that is replaced or deleted: the folder afterwards', async (t) => {
  const { store, during } = await watched(t);
  const { etag } = await store.put('f/a', bytesOf(10), { immutable: true });
  await store.put('f/b', bytesOf(10), { immutable: true });
  const wanted = ['sync tmp/*', 'rename objects/f/a=', 'sync objects/f'];
  inOrder(t, await during(() => store.put('f/a', bytesOf(11), { immutable: true, ifMatch: etag })), wanted, 'ifMatch');
  inOrder(t, await during(() => store.put('f/a', streamOf(LARGE), { immutable: true })), wanted, 'a large body');
  const deleted = await during(() => store.delete('f/a'));
  inOrder(t, deleted, ['unlink objects/f/a=', 'sync objects/f'], 'a delete');
  const last = await during(() => store.delete('f/b'));
  inOrder(t, last, ['unlink objects/f/b=', 'sync objects'], 'the last in its folder: the one above');
});

t.test('directories that are new: each in the one above, before the write is acknowledged', async (t) => {
  const { store, during } = await watched(t);
  const calls = await during(() => store.put('a/b/c/key', bytesOf(10), { immutable: true }));
  for (const [made, above] of [
    ['objects/a', 'objects'],
    ['objects/a/b', 'objects/a'],
    ['objects/a/b/c', 'objects/a/b'],
  ]) {
    inOrder(t, calls, [`mkdir ${made}`, `sync ${above}`], `${made}`);
  }
  const again = await during(() => store.put('a/b/x/key', bytesOf(10), { immutable: true }));
  t.same(
    again.filter((call) => /^(mkdir|sync) objects/.test(call)).sort(),
    ['mkdir objects/a/b/x', 'sync objects/a/b', 'sync objects/a/b/x'],
    'up to the first that was there',
  );
});

t.test('a write into a directory that another one made waits until the name of that is durable', async (t) => {
  const gate = new Gate();
  let holds = '';
  const opened = new Map<number, string>();
  const { store } = await watched(t, {
    openHot: async (path) => {
      const fd = await nodeFiles.openHot(path);
      opened.set(fd, path);
      return fd;
    },
    fsync: async (fd) => {
      if (opened.get(fd)?.endsWith(holds) && holds !== '') await gate.pass();
      await nodeFiles.fsync(fd);
    },
  });
  await store.put('a/0', bytesOf(10), { immutable: true });
  holds = '/objects/a';
  const ended: string[] = [];
  const first = store.put('a/new/b/1', bytesOf(10), { immutable: true }).then(() => ended.push('first'));
  await gate.arrived;
  const second = store.put('a/new/b/2', bytesOf(10), { immutable: true }).then(() => ended.push('second'));
  while ((await store.head('a/new/b/2')) === null) await new Promise((resolve) => setTimeout(resolve, 1));
  // whole writes in another folder take as many steps as those two have left
  for (let n = 0; n < 3; n++) await store.put(`z/${n}`, bytesOf(10), { immutable: true });
  t.same(ended, [], 'both wait');
  gate.open();
  await Promise.all([first, second]);
});

t.test(
  'a directory whose name could not be made durable: the write that needs it is in doubt, the next one tries anew',
  async (t) => {
    let fails = false;
    const opened = new Map<number, string>();
    const { store, during } = await watched(t, {
      openHot: async (path) => {
        const fd = await nodeFiles.openHot(path);
        opened.set(fd, path);
        return fd;
      },
      fsync: (fd) => {
        if (!fails || !opened.get(fd)?.endsWith('/objects/a')) return nodeFiles.fsync(fd);
        return Promise.reject(Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' }));
      },
    });
    await store.put('a/0', bytesOf(10), { immutable: true });
    fails = true;
    await t.rejects(store.put('a/new/1', bytesOf(10), { immutable: true }));
    fails = false;
    const calls = await during(() => store.put('a/new/2', bytesOf(10), { immutable: true }));
    t.ok(calls.includes('sync objects/a'), calls.join(', '));
  },
);

t.test('a change that comes while its folder is being synced is synced by a sync of its own', async (t) => {
  const gate = new Gate();
  let isHeld = false;
  const { store, calls } = await watched(t, {
    fsync: async (fd) => {
      if (isHeld) await gate.pass();
      await nodeFiles.fsync(fd);
    },
  });
  for (const key of ['f/0', 'f/1']) await store.put(key, bytesOf(10), { immutable: true });
  calls.length = 0;
  isHeld = true;
  // temporary files are not synced, so the first sync is that of the folder
  const first = store.delete('f/0');
  await gate.arrived;
  let isDone = false;
  const second = store.delete('f/1').then(() => {
    isDone = true;
  });
  for (let tries = 0; !calls.includes('unlink objects/f/1=') && tries < 1000; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  for (let n = 0; n < 5; n++) await store.head(`z/${n}`);
  t.equal(isDone, false, 'it waits');
  gate.open();
  await Promise.all([first, second]);
  t.equal(calls.filter((call) => call.startsWith('sync objects')).length, 2, calls.join(', '));
  t.equal(calls.at(-1)?.startsWith('sync objects'), true);
});

t.test('a new storage directory is ready when the names of its folders are durable', async (t) => {
  const gate = new Gate();
  const directory = join(await makeDirectory(t), 'new');
  const opening = openStore(directory, {
    fsync: async (fd) => {
      await gate.pass();
      await nodeFiles.fsync(fd);
    },
  }).then(() => 'ready');
  await gate.arrived;
  t.equal(await Promise.race([opening, delay(200).then(() => 'waits')]), 'waits');
  gate.open();
  t.equal(await opening, 'ready');
});

t.test('an intermediate result costs no sync', async (t) => {
  const { store, during } = await watched(t);
  // makes the folder, whose own name is synced behind
  await store.put('staging/0', bytesOf(10), { immutable: true, temporary: true });
  for (const size of [10, LARGE]) {
    const put = () => store.put(`staging/${size}`, streamOf(size), { immutable: true, temporary: true });
    const calls = await during(put);
    const synced = calls.filter((call) => call.startsWith('sync') && call !== 'sync objects');
    t.same(synced, [], `${size} bytes`);
  }
});

t.test('a sync that fails is not the answer to a change that came while it was under way', async (t) => {
  const gate = new Gate();
  let isHeld = false;
  const { store, calls } = await watched(t, {
    fsync: async (fd) => {
      if (!isHeld) return nodeFiles.fsync(fd);
      await gate.pass();
      if (isHeld) {
        isHeld = false;
        // a real error, so that it looks as in life: this one cannot be synced
        const none = await nodeFiles.open('/dev/null', 'r');
        await nodeFiles.fsync(none).finally(() => nodeFiles.release(none));
      }
    },
  });
  for (const key of ['f/0', 'f/1', 'f/2']) await store.put(key, bytesOf(10), { immutable: true });
  calls.length = 0;
  isHeld = true;
  const first = store.delete('f/0');
  await gate.arrived;
  const second = store.delete('f/1');
  for (let tries = 0; !calls.includes('unlink objects/f/1=') && tries < 1000; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  for (let n = 0; n < 5; n++) await store.head(`z/${n}`);
  gate.open();
  await t.rejects(first, { kind: 'outcomeUnknown' } as never);
  await t.resolves(second, 'it has a sync of its own');
});
