import t, { type Test } from 'tap';
import { RegistryError } from '../../../ts/core/classes.registryerror.js';
import { type IFiles, nodeFiles } from '../../../ts/core/objectstore/directory/files/helpers.files.js';
import { Gate, makeDirectory, openStore, textOf, tree } from '../../support/store/objectstore-directory.js';

/**
 * Writers that sleep at the worst moment, one at a time: what several processes do by chance, these do for certain.
 */

/** A store whose first `call` on a path that `concerns` waits at the gate, before or after it is made. */
const held = async (
  directory: string,
  call: 'link' | 'open' | 'unlink' | 'rename',
  when: 'before' | 'after',
  concerns: (path: string) => boolean,
) => {
  const gate = new Gate();
  const original = nodeFiles[call] as (...parameters: string[]) => Promise<never>;
  const replaced = async (...parameters: string[]): Promise<never> => {
    const mine = concerns(parameters.at(call === 'open' ? 0 : -1) as string);
    if (mine && when === 'before') await gate.pass();
    const result = await original(...parameters);
    if (mine && when === 'after') await gate.pass();
    return result;
  };
  const store = await openStore(directory, { [call]: replaced } as Partial<IFiles>);
  return { store, gate };
};

/** the name of an object, and not of what init() tries */
const published = (path: string): boolean => path.includes('/objects/') && !path.includes('#probe');
const bytes = (text: string): Buffer => Buffer.from(text);

const kindOf = async (action: Promise<unknown>): Promise<string> => {
  try {
    await action;
    return 'done';
  } catch (error) {
    return error instanceof RegistryError ? error.kind : String(error);
  }
};

/** Deletes as if it had happened a minute ago, so that the next listing takes the rest away. */
const deleteLongAgo = async (t: Test, store: Awaited<ReturnType<typeof openStore>>, key: string): Promise<void> => {
  const now = Date.now;
  Date.now = () => now() - 60_000;
  t.teardown(() => {
    Date.now = now;
  });
  await store.delete(key);
  Date.now = now;
};

const listAll = async (store: Awaited<ReturnType<typeof openStore>>): Promise<string[]> => {
  const keys: string[] = [];
  for await (const item of store.list({ prefix: '' })) if ('key' in item) keys.push(item.key);
  return keys;
};

t.test('a writer that sleeps before its link, until its number was used and removed, has lost', async (t) => {
  const directory = await makeDirectory(t);
  const fast = await openStore(directory);
  let { etag } = await fast.put('doc', bytes('0'));
  const { store: slow, gate } = await held(directory, 'link', 'before', published);
  const late = kindOf(slow.put('doc', bytes('late'), { ifMatch: etag }));
  await gate.arrived;
  for (let round = 1; round <= 3; round++) {
    ({ etag } = await fast.put('doc', bytes(`fast ${round}`), { ifMatch: etag }));
  }
  t.equal((await tree(directory)).length, 3, 'the marker, the highest generation and the draft of the late one');
  gate.open();
  t.equal(await late, 'preconditionFailed');
  t.equal(await textOf(fast, 'doc'), 'fast 3');
  t.equal(await textOf(slow, 'doc'), 'fast 3');
  t.equal((await fast.head('doc'))?.etag, etag);
  t.equal((await tree(directory)).length, 2, 'it took its link back, and its draft');
  await slow.put('doc', bytes('on top'), { ifMatch: etag });
  t.equal(await textOf(fast, 'doc'), 'on top');
});

t.test('without a condition it tries again and is written on top', async (t) => {
  const directory = await makeDirectory(t);
  const fast = await openStore(directory);
  await fast.put('doc', bytes('0'));
  for (const size of [10, 200_000]) {
    const { store: slow, gate } = await held(directory, 'link', 'before', published);
    const late = slow.put('doc', Buffer.alloc(size, 'l'));
    await gate.arrived;
    for (let round = 1; round <= 3; round++) await fast.put('doc', bytes(`fast ${round}`));
    gate.open();
    const { etag } = await late;
    t.equal((await fast.head('doc'))?.etag, etag);
    t.equal(await textOf(fast, 'doc'), 'l'.repeat(size));
  }
});

t.test('a writer that sleeps after its link, while others build on it, has won', async (t) => {
  for (const rounds of [1, 3, 200]) {
    const directory = await makeDirectory(t);
    const fast = await openStore(directory);
    const first = await fast.put('doc', bytes('0'));
    const { store: slow, gate } = await held(directory, 'link', 'after', published);
    const late = slow.put('doc', bytes('late'), { ifMatch: first.etag });
    await gate.arrived;
    t.equal(await textOf(fast, 'doc'), 'late', 'the others see it');
    for (let round = 1; round <= rounds; round++) await fast.put('doc', bytes(`built ${round}`));
    gate.open();
    t.type((await late).etag, 'string', `${rounds} built on it`);
    t.equal(await textOf(slow, 'doc'), `built ${rounds}`);
    t.equal((await tree(directory)).length, 2);
  }
});

t.test('it looks again if the version that it finds on top is replaced before it is read', async (t) => {
  const directory = await makeDirectory(t);
  const fast = await openStore(directory);
  const first = await fast.put('doc', bytes('0'));
  const gate = new Gate();
  let isReplaced = false;
  const slow = await openStore(directory, {
    link: async (from, to) => {
      await nodeFiles.link(from, to);
      if (published(to)) await gate.pass();
    },
    open: async (path, flags, mode) => {
      if (path.endsWith('.3') && !isReplaced) {
        isReplaced = true;
        await fast.put('doc', bytes('built 2'));
      }
      return nodeFiles.open(path, flags, mode);
    },
  });
  const late = slow.put('doc', bytes('late'), { ifMatch: first.etag });
  await gate.arrived;
  await fast.put('doc', bytes('built 1'));
  gate.open();
  t.type((await late).etag, 'string', 'it has won');
  t.ok(isReplaced);
  t.equal(await textOf(slow, 'doc'), 'built 2');
});

t.test('one that is built upon more often than is remembered learns that nobody knows', async (t) => {
  const directory = await makeDirectory(t);
  const fast = await openStore(directory);
  const first = await fast.put('doc', bytes('0'));
  const { store: slow, gate } = await held(directory, 'link', 'after', published);
  const late = kindOf(slow.put('doc', bytes('late'), { ifMatch: first.etag }));
  await gate.arrived;
  for (let round = 1; round <= 300; round++) await fast.put('doc', bytes(`built ${round}`));
  gate.open();
  t.equal(await late, 'outcomeUnknown', 'neither won nor lost would be true for certain');
  t.equal(await textOf(slow, 'doc'), 'built 300');
});

t.test('a late link into a key that was deleted, taken away and written anew counts for nothing', async (t) => {
  for (const again of ['mutable', 'immutable', 'nothing', 'written twice', 'written thrice']) {
    const directory = await makeDirectory(t);
    const fast = await openStore(directory);
    const first = await fast.put('a/doc', bytes('0'));
    const { store: slow, gate } = await held(directory, 'link', 'before', published);
    const late = kindOf(slow.put('a/doc', bytes('late'), { ifMatch: first.etag }));
    await gate.arrived;
    await deleteLongAgo(t, fast, 'a/doc');
    t.same(await listAll(fast), []);
    t.same(await tree(`${directory}/objects`), [], 'nothing is left of it');
    if (again !== 'nothing') {
      await fast.put('a/doc', bytes('new'), { ifNoneMatch: '*', immutable: again === 'immutable' });
      for (let more = ['twice', 'thrice'].indexOf(again.slice(8)); more >= 0; more--) {
        await fast.put('a/doc', bytes('new'));
      }
    }
    gate.open();
    t.not(await late, 'done', again);
    const expected = again === 'nothing' ? null : 'new';
    t.equal(await textOf(fast, 'a/doc'), expected, again);
    t.equal(await textOf(slow, 'a/doc'), expected, again);
    t.equal(await textOf(await openStore(directory), 'a/doc'), expected, again);
    const left = (await tree(`${directory}/objects`)).length;
    t.equal(left, again === 'nothing' ? 0 : again === 'immutable' ? 1 : 2, again);
  }
});

t.test('a link into a directory that is just being taken away counts for nothing', async (t) => {
  const directory = await makeDirectory(t);
  const fast = await openStore(directory);
  await fast.put('doc', bytes('0'));
  await deleteLongAgo(t, fast, 'doc');
  const { store: slow, gate } = await held(directory, 'link', 'before', published);
  const late = slow.put('doc', bytes('late'), { ifNoneMatch: '*', immutable: false });
  // "if absent" begins with a new directory, finds the old one, and then links above the deletion
  await gate.arrived;
  t.same(await listAll(fast), []);
  gate.open();
  await late;
  t.equal(await textOf(fast, 'doc'), 'late', 'it began anew');
  t.equal((await tree(directory)).length, 2);
});

t.test('who takes a directory away stops where someone writes above the deletion', async (t) => {
  const directory = await makeDirectory(t);
  const fast = await openStore(directory);
  await fast.put('doc', bytes('0'));
  await deleteLongAgo(t, fast, 'doc');
  const { store: slow, gate } = await held(directory, 'link', 'before', published);
  const listing = listAll(slow);
  await gate.arrived;
  await fast.put('doc', bytes('new'), { ifNoneMatch: '*' });
  await fast.put('doc', bytes('newer'));
  gate.open();
  await listing;
  t.equal(await textOf(fast, 'doc'), 'newer');
  t.equal((await tree(directory)).length, 2);
});

t.test('and whoever comes while it is being taken away helps', async (t) => {
  for (const immutable of [false, true]) {
    for (const call of ['link', 'unlink'] as const) {
      const directory = await makeDirectory(t);
      const fast = await openStore(directory);
      await fast.put('doc', bytes('0'));
      await deleteLongAgo(t, fast, 'doc');
      const { store: slow, gate } = await held(directory, call, 'after', published);
      const listing = listAll(slow);
      await gate.arrived;
      t.equal(await fast.head('doc'), null);
      await fast.put('doc', bytes('new'), { ifNoneMatch: '*', immutable });
      gate.open();
      await listing;
      t.equal(await textOf(fast, 'doc'), 'new');
      t.equal(await textOf(await openStore(directory), 'doc'), 'new');
      t.equal((await tree(directory)).length, immutable ? 1 : 2, 'nothing else is left');
    }
  }
});

t.test('nobody writes above a tombstone that is sealed: whoever takes it away may go on at any time', async (t) => {
  for (const immutable of [false, true]) {
    const directory = await makeDirectory(t);
    const fast = await openStore(directory);
    await fast.put('doc', bytes('0'));
    await deleteLongAgo(t, fast, 'doc');
    const { store: slow, gate } = await held(directory, 'unlink', 'before', published);
    const listing = listAll(slow);
    await gate.arrived;
    const { etag } = await fast.put('doc', bytes('new'), { immutable });
    gate.open();
    await listing;
    t.equal((await (await openStore(directory)).head('doc'))?.etag, etag);
    t.equal(await textOf(fast, 'doc'), 'new');
  }
});

t.test('what a writer leaves that dies while it creates or takes away does not harm', async (t) => {
  const directory = await makeDirectory(t);
  const store = await openStore(directory);
  let die = () => {};
  const died = new Promise<void>((resolve) => {
    die = resolve;
  });
  const dead = await openStore(directory, {
    rmdir: () => {
      die();
      return new Promise(() => {}); // never comes back, as if killed here
    },
  });
  await store.put('doc', bytes('0'));
  await deleteLongAgo(t, store, 'doc');
  await Promise.race([listAll(dead), died]);
  t.same(await tree(`${directory}/objects`), ['doc=/'], 'an empty directory');
  t.equal(await store.head('doc'), null);
  await store.put('doc', bytes('1'), { immutable: true, ifNoneMatch: '*' });
  t.equal(await textOf(store, 'doc'), '1');
  await store.delete('doc');
  await store.put('doc', bytes('2'));
  t.equal(await textOf(store, 'doc'), '2');
});

t.test('a reader never sees the bytes of a writer that lost', async (t) => {
  for (const size of [100, 400_000]) {
    for (const how of ['known', 'unknown', 'head']) {
      const directory = await makeDirectory(t);
      const fast = await openStore(directory);
      const first = await fast.put('doc', bytes('0'));
      const [before, after] = [new Gate(), new Gate()];
      const slow = await openStore(directory, {
        link: async (from, to) => {
          if (!published(to)) return nodeFiles.link(from, to);
          await before.pass();
          await nodeFiles.link(from, to);
          await after.pass();
        },
      });
      const late = kindOf(slow.put('doc', Buffer.alloc(size, 'x'), { ifMatch: first.etag }));
      await before.arrived;
      await fast.put('doc', Buffer.alloc(size, '1'));
      let armed = false;
      const { store: reader, gate } = await held(directory, 'open', 'before', (path) => armed && published(path));
      if (how === 'known') await reader.head('doc');
      armed = true;
      const read = how === 'head' ? reader.head('doc').then((info) => info?.etag) : textOf(reader, 'doc');
      await gate.arrived; // it has looked, and is about to open generation 2, which goes and comes back as another
      const { etag } = await fast.put('doc', Buffer.alloc(size, '2'));
      before.open();
      await after.arrived;
      t.equal((await tree(`${directory}/objects`)).filter((path) => path.endsWith('.2')).length, 1);
      gate.open();
      const text = await read;
      t.ok(text === (how === 'head' ? etag : '2'.repeat(size)), `${how}, ${size} bytes: not ${text?.[0]}`);
      after.open();
      t.equal(await late, 'preconditionFailed');
      t.equal((await tree(directory)).length, 2);
    }
  }
});

t.test('who finds another version of a plain object when it claims it has lost, and the newer one stays', async (t) => {
  for (const act of ['put', 'delete'] as const) {
    const directory = await makeDirectory(t);
    const fast = await openStore(directory);
    const { etag } = await fast.put('plain', bytes('0'), { immutable: true });
    const { store: slow, gate } = await held(directory, 'link', 'before', (path) => path.includes('/tmp/claim-'));
    const late = kindOf(
      act === 'put'
        ? slow.put('plain', bytes('late'), { immutable: true, ifMatch: etag })
        : slow.delete('plain', { ifMatch: etag }),
    );
    await gate.arrived;
    await fast.put('plain', bytes('newer'), { immutable: true });
    gate.open();
    t.equal(await late, 'preconditionFailed', act);
    t.equal(await textOf(fast, 'plain'), 'newer', act);
    t.same(await tree(`${directory}/tmp`), [], 'and the claim is given back');
  }
});

t.test('readers get whole objects while writers replace them', async (t) => {
  const directory = await makeDirectory(t);
  const [writer, reader] = [await openStore(directory), await openStore(directory)];
  for (const immutable of [false, true]) {
    for (const size of [100, 400_000]) {
      await writer.put('doc', Buffer.alloc(size, 'a'), { immutable });
      let reads = 0;
      let writing = true;
      const reading = Promise.all(
        Array.from({ length: 3 }, async () => {
          for (; writing; reads++) {
            const text = (await textOf(reader, 'doc')) ?? '';
            if (text !== (text[0] ?? '').repeat(size)) t.fail(`a mixture: ${text.length} of ${text[0]}`);
            const head = await reader.head('doc');
            if (head?.size !== size) t.fail('it was absent for a moment');
          }
        }),
      );
      for (const letter of 'bcdefghijklmnopqrstuvwxyz') {
        await writer.put('doc', Buffer.alloc(size, letter), { immutable });
      }
      writing = false;
      await reading;
      t.ok(reads > 0, `${reads} reads`);
      await writer.delete('doc');
    }
  }
});
