import t from 'tap';
import { RegistryError } from '../../../ts/core/classes.registryerror.js';
import { RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import { OutcomeUnknownError } from '../../../ts/core/storage/documents/helpers.conditionalwrite.js';
import { documentKey } from '../../../ts/npm/keys.npm.js';
import { failure, startAuth } from '../../support/auth.js';
import { npmWorld } from '../../support/npm/actors.js';
import { FaultObjectStore } from '../../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';
import * as toy from '../../support/toy-packages.js';

const lost = () => new RegistryError('outcomeUnknown', 'the answer is lost');
const add = (item: string) => (list: string[] | null) => [...(list ?? []), item];
const memory = () => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  return { inner, store, storage: new RegistryStorage(store), other: new RegistryStorage(inner) };
};

/** The next write of `key` is applied and its answer lost; then `meanwhile` runs. */
const loseNextWrite = (store: FaultObjectStore, key: string, meanwhile: () => Promise<unknown> = async () => {}) => {
  let left = 1;
  store.after = async (operation) => {
    if (operation.verb !== 'put' || operation.key !== key || left-- <= 0) return;
    await meanwhile();
    throw lost();
  };
};

t.test(
  'a lost answer with another replica’s write on top is a success: the object knows its last writers',
  async (t) => {
    const { store, storage, other } = memory();
    await storage.update('list', () => []);
    loseNextWrite(store, 'list', () => other.update('list', add('other')));
    const { value, revision } = await storage.update('list', add('mine'));
    t.same(value, ['mine', 'other']);
    t.equal(revision, 3);
  },
);

t.test('whatever a store says when an answer is lost, the write is done once and is a success', async (t) => {
  const failures = (['outcomeUnknown', 'unavailable', 'internal', 'timeout'] as const).map(
    (kind) => new RegistryError(kind, 'the answer is lost'),
  );
  for (const failure of [...failures, new Error('of a driver of somebody’s own')]) {
    const { store, storage, other } = memory();
    await storage.update('list', () => []);
    let left = 1;
    store.after = ({ verb }) => {
      if (verb === 'put' && left-- > 0) throw failure;
    };
    t.same((await storage.update('list', add('mine'))).value, ['mine'], String(failure));
    t.same((await other.read('list'))?.value, ['mine'], String(failure));
  }
});

t.test('a write that was not applied while another replica wrote runs again, and once', async (t) => {
  const { store, storage, other } = memory();
  await storage.update('list', () => []);
  let left = 1;
  store.before = async ({ verb }) => {
    if (verb !== 'put' || left-- <= 0) return;
    await other.update('list', add('other'));
    throw lost();
  };
  t.same((await storage.update('list', add('mine'))).value, ['other', 'mine']);
});

t.test('too many writes on top: only the caller’s own sign tells, else nobody claims to know', async (t) => {
  for (const knows of [true, false]) {
    const { store, storage, other } = memory();
    await storage.update('list', () => []);
    loseNextWrite(store, 'list', async () => {
      for (let n = 0; n < 10; n++) await other.update('list', add(`other ${n}`));
    });
    let runs = 0;
    const fn = (list: string[] | null) => {
      runs++;
      return add('mine')(list);
    };
    const applied = knows ? (list: string[]) => list.includes('mine') : undefined;
    const result = await storage.update<string[]>('list', fn, { applied }).catch((error: unknown) => error);
    if (knows) t.match(result, { revision: 12 });
    else t.ok(result instanceof OutcomeUnknownError);
    t.equal(runs, 1, 'its function did not run a second time');
    const { value } = (await other.read<string[]>('list'))!;
    t.equal(value.filter((item) => item === 'mine').length, 1);
  }
});

t.test('the answer is lost, the second attempt fails on its condition: not "somebody else won"', async (t) => {
  const { inner, store, storage } = memory();
  await storage.update('list', () => []);
  let puts = 0;
  store.before = async ({ verb }) => {
    if (verb !== 'put' || ++puts !== 2) return;
    // written by hands that leave no revision, between our look and our second attempt
    await inner.put('list', Buffer.from('["foreign"]'));
  };
  // the first attempt does not arrive
  const real = inner.put.bind(inner);
  let dropped = false;
  inner.put = async (key, body, options) => {
    if (!dropped && options?.metadata) {
      dropped = true;
      throw lost();
    }
    return real(key, body, options);
  };
  let runs = 0;
  const error = await storage
    .update<string[]>('list', (list) => {
      runs++;
      return add('mine')(list);
    })
    .catch((reason: unknown) => reason);
  t.ok(error instanceof OutcomeUnknownError);
  t.equal(puts, 2);
  t.equal(runs, 1);
});

t.test(
  'an answer is lost and others delete the document: nobody claims to know, and no sign is looked for',
  async (t) => {
    const { store, storage, other } = memory();
    await storage.update('list', () => []);
    loseNextWrite(store, 'list', async () => {
      for (let n = 0; n < 10; n++) await other.update('list', add(`other ${n}`));
      await other.update('list', () => null);
    });
    const applied = (list: string[]) => list.includes('mine');
    const error = await storage.update<string[]>('list', add('mine'), { applied }).catch((reason: unknown) => reason);
    t.ok(error instanceof OutcomeUnknownError, String(error));
  },
);

t.test('an answer is lost and the look that follows fails once: the write is a success', async (t) => {
  const { store, storage } = memory();
  await storage.update('list', () => []);
  loseNextWrite(store, 'list');
  let left = 1;
  store.before = ({ verb }) => {
    if (verb === 'head' && left-- > 0) throw new RegistryError('unavailable', 'a moment');
  };
  t.same((await storage.update('list', add('mine'))).value, ['mine']);
  t.equal(store.count('put'), 2, 'and was sent once');
});

t.test('the answer is lost, others write, and the document cannot be read: the outcome is unknown', async (t) => {
  const { store, storage, other } = memory();
  await storage.update('list', () => []);
  loseNextWrite(store, 'list', () => other.update('list', add('other')));
  store.before = ({ verb }) => {
    if (verb === 'get') throw new RegistryError('unavailable', 'down');
  };
  const error = await storage.update('list', add('mine')).catch((reason: unknown) => reason);
  t.ok(error instanceof OutcomeUnknownError);
});

t.test('a batch in doubt: who wrote is in doubt, who only looked is not', async (t) => {
  const { store, storage } = memory();
  await storage.update('list', () => []);
  // the second caller's refusal makes the first operation a look
  store.reset({ at: 2, when: 'after', lasting: true });
  const refusal = new RegistryError('alreadyExists', 'mine is there');
  const results = await Promise.allSettled([
    storage.update('list', add('mine')),
    storage.update<string[]>('list', (list) => {
      if (list?.includes('mine')) throw refusal;
      return add('yours')(list);
    }),
  ]);
  const [writer, looker] = results.map((result) => (result.status === 'rejected' ? result.reason : undefined));
  t.ok(writer instanceof OutcomeUnknownError);
  t.match(looker, { kind: 'unavailable' });
  t.notOk(looker instanceof OutcomeUnknownError, 'it wrote nothing');
});

t.test(
  'a failed removal of unknown outcome leaves its marker, and a repair lists what the document says',
  async (t) => {
    const { inner, store, storage } = memory();
    const catalog = toy.toyCatalog(storage);
    await toy.publishToy(storage, 'a', '1.0.0', Buffer.from('x'), catalog);
    let isDown = false;
    store.after = ({ verb, key }) => {
      if (verb === 'put' && key === toy.documentKey('a')) isDown = true;
      if (isDown && key === toy.documentKey('a')) throw lost();
    };
    store.before = ({ key }) => {
      if (isDown && key === toy.documentKey('a')) throw new RegistryError('unavailable', 'down');
    };
    const error = await toy.removeToy(storage, 'a', '1.0.0', catalog).catch((reason: unknown) => reason);
    t.ok(error instanceof OutcomeUnknownError);
    t.equal(inner.keys('toy/catalog/pending/').length, 1);
    t.ok(inner.objects.has(toy.artifactKey('a', '1.0.0')), 'nothing is deleted');
    const later = new RegistryStorage(inner);
    const listed = toy.toyCatalog(later);
    await later.sweep({ olderThanMs: 0 });
    t.equal((await listed.entries({ maxAgeMs: 0 })).has('a'), false, 'it was removed, and the listing says so');
  },
);

/** Two replicas of a registry over one store; the first one's way to the store can be disturbed. */
const twoReplicas = async (t: Pick<typeof import('tap').t, 'teardown'>) => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  const one = await npmWorld(t, { storage: { objectStore: store }, npm: { enabled: true, allowRepublish: true } });
  const two = await npmWorld(t, { storage: { objectStore: inner }, npm: { enabled: true, allowRepublish: true } });
  return { inner, store, one, two };
};

t.test('npm publish whose answer is lost: 201, not "previously published"', async (t) => {
  const { store, one, two } = await twoReplicas(t);
  for (const meanwhile of [async () => {}, () => two.writer.put('/-/package/a/dist-tags/next', '1.0.0')]) {
    const version = (await one.admin.get('/a')).status === 404 ? '1.0.0' : '1.1.0';
    loseNextWrite(store, documentKey('a'), meanwhile);
    const { status, text } = await one.writer.publish('a', version);
    t.equal(status, 201, text);
    t.equal((await two.anon.get(`/a/-/a-${version}.tgz`)).status, 200);
  }
});

t.test('npm publish whose answer is lost, with more tags set since than the document remembers writes', async (t) => {
  const { store, one, two } = await twoReplicas(t);
  await one.writer.publish('a', '1.0.0');
  loseNextWrite(store, documentKey('a'), async () => {
    for (let n = 0; n < 10; n++) await two.writer.put(`/-/package/a/dist-tags/t${n}`, '1.1.0');
  });
  const { status, text } = await one.writer.publish('a', '1.1.0');
  t.equal(status, 201, text);
});

t.test('npm unpublish whose answer is lost: 200, and the version is gone once', async (t) => {
  const { store, one, two } = await twoReplicas(t);
  for (const version of ['1.0.0', '1.1.0', '1.2.0']) await one.writer.publish('a', version);
  for (const [version, meanwhile] of [
    ['1.0.0', async () => {}],
    ['1.1.0', () => two.writer.put('/-/package/a/dist-tags/next', '1.2.0')],
  ] as const) {
    const { _rev } = await one.admin.packument('a');
    loseNextWrite(store, documentKey('a'), meanwhile);
    const { status, text } = await one.admin.delete(`/a/-/a-${version}.tgz/-rev/${_rev}`);
    t.equal(status, 200, text);
    t.equal((await two.anon.get(`/a/-/a-${version}.tgz`)).status, 404);
  }
  const { versions, _rev } = await two.admin.packument('a');
  t.same(Object.keys(versions), ['1.2.0']);
  t.match(_rev, /^6-/, 'three publishes, two removals and a tag, each once');
});

t.test('npm publish: the answer is lost, a replica moves a tag, the document cannot be read', async (t) => {
  const { inner, store, one, two } = await twoReplicas(t);
  await one.writer.publish('a', '0.9.0');
  let isDown = false;
  loseNextWrite(store, documentKey('a'), async () => {
    t.equal((await two.writer.put('/-/package/a/dist-tags/next', '1.0.0')).status, 200);
    isDown = true;
  });
  store.before = ({ verb, key }) => {
    if (isDown && key === documentKey('a') && verb !== 'put') throw new RegistryError('unavailable', 'down');
  };
  const answer = await one.writer.publish('a', '1.0.0');
  t.equal(answer.status, 503);
  t.ok(answer.headers['Retry-After']);
  store.before = undefined;
  const { versions, ...packument } = await two.admin.packument('a');
  t.same(Object.keys(versions), ['0.9.0', '1.0.0'], 'it is listed');
  t.equal(packument['dist-tags'].next, '1.0.0');
  t.equal((await two.anon.get('/a/-/a-1.0.0.tgz')).status, 200, 'and can be downloaded');
  t.equal((await one.anon.get('/a/-/a-1.0.0.tgz')).status, 200);
  const again = await one.writer.publish('a', '1.0.0');
  t.equal(again.status, 403, 'a retry is told that it exists');
  t.equal(inner.keys('npm/packages/a/').length, 3, 'nothing is left over');
});

t.test('npm unpublish and publish again: a delete that arrives late takes nothing', async (t) => {
  const { inner, store, one, two } = await twoReplicas(t);
  await one.writer.publish('a', '1.0.0', { files: { 'package/first': '1' } });
  const [first] = inner.keys('npm/packages/a/a-');
  const late: (() => Promise<void>)[] = [];
  const real = inner.delete.bind(inner);
  inner.delete = async (key, options) => {
    late.push(() => real(key, options));
    // applied, its answer lost, and sent again by something on the way
    await real(key, options);
    throw lost();
  };
  const { _rev } = await one.admin.packument('a');
  t.equal((await one.admin.delete(`/a/-rev/${_rev}`)).status, 200);
  inner.delete = real;
  t.equal(store.count('delete', first as string), 1, 'a delete is sent once');
  t.equal((await two.writer.publish('a', '1.0.0', { files: { 'package/second': '2' } })).status, 201);
  for (const arrive of late) await arrive().catch(() => {});
  const [key] = inner.keys('npm/packages/a/a-');
  t.match(key, /\.tgz\.[0-9a-f-]{36}$/, 'a key that somebody tried to delete is not used again');
  t.equal((await one.anon.get('/a/-/a-1.0.0.tgz')).status, 200);
  t.equal((await two.anon.get('/a/-/a-1.0.0.tgz')).status, 200);
});

t.test('a user whose creation was answered by silence exists, and is no namesake', async (t) => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  const { auth } = await startAuth({ store: store as never });
  loseNextWrite(store, 'auth/users/ann.json');
  const create = () => auth.users.create({ username: 'ann', password: 'correct horse battery' });
  t.match(await create(), { userId: 'ann' });
  t.equal(await failure(create()), 'alreadyExists');
  loseNextWrite(store, 'auth/users/ann.json');
  await auth.users.changePassword('ann', 'correct horse battery', 'another one');
  t.equal(await auth.authenticate({ username: 'ann', password: 'another one' }), 'ann');
  loseNextWrite(store, 'auth/users/ann.json');
  await auth.users.remove('ann');
  t.equal(await auth.users.get('ann'), null);
});

t.test('a store that fails slowly is not asked for ever: after 20 s the outcome is unknown', async (t) => {
  const { now } = performance;
  t.teardown(() => {
    performance.now = now;
  });
  for (const fails of ['everything', 'each write']) {
    const { store, storage } = memory();
    await storage.update('list', () => []);
    let offset = 0;
    performance.now = () => now.call(performance) + offset;
    store.reset();
    store.before = ({ verb }) => {
      if (verb === 'get' || (verb === 'head' && fails !== 'everything')) return;
      offset += 25_000;
      throw lost();
    };
    const outcome = await storage.update('list', add('mine')).catch((error: unknown) => error);
    t.ok(outcome instanceof OutcomeUnknownError, fails);
    t.equal(store.count('put'), 1, `${fails}: written once`);
    t.equal(store.count('head'), 1, `${fails}: looked at once`);
    performance.now = now;
  }
});
