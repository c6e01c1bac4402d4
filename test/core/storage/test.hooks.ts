import t from 'tap';
import { streamToBuffer } from '../../../ts/core/base/helpers.streams.js';
import { RegistryError } from '../../../ts/core/classes.registryerror.js';
import { RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import type { IStorageHookContext, IStorageHooks } from '../../../ts/core/storage/hooks/interfaces.hooks.js';
import { FaultObjectStore } from '../../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';
import {
  artifactKey,
  documentKey,
  publishToy,
  readToy,
  removeToy,
  sha256,
  toyCatalog,
  toyPlan,
} from '../../support/toy-packages.js';

const NAME = '@scope/pad';
const BYTES = Buffer.from('some bytes');
const BIG = Buffer.alloc(300 * 1024, 'x');
type TCall = { hook: keyof IStorageHooks } & IStorageHookContext;
const kind = (name: string, message?: RegExp) => ({ kind: name, ...(message && { message }) }) as unknown as Error;
const actor = { userId: 'ann', orgId: 'org' };
const origin = { protocol: 'toy', actor };

/** Hooks that write down their calls; `answers` may put something else in the place of "yes". */
const recorder = (answers: Partial<Record<keyof IStorageHooks, (context: IStorageHookContext) => unknown>> = {}) => {
  const calls: TCall[] = [];
  const names = [
    'beforePut',
    'afterPut',
    'beforeDelete',
    'afterDelete',
    'beforeGet',
    'afterGet',
    'afterAbort',
  ] as const;
  const hooks = Object.fromEntries(
    names.map((hook) => [
      hook,
      async (context: IStorageHookContext) => {
        calls.push({ hook, ...context });
        return answers[hook] ? answers[hook](context) : { allowed: true };
      },
    ]),
  ) as unknown as IStorageHooks;
  return { hooks, calls, told: () => calls.map(({ hook, key }) => `${hook} ${key}`) };
};

const setUp = (hooks: IStorageHooks, limits = {}) => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  const errors: string[] = [];
  const logger = { info: () => {}, warn: () => {}, error: (message: string) => void errors.push(message) };
  const storage = new RegistryStorage(store, { hooks, limits, logger, now: () => new Date('2026-05-05T00:00:00Z') });
  return { inner, store, errors, storage: storage.for(origin), plain: new RegistryStorage(inner) };
};

t.test('a publish asks once for each artifact and the document, then tells', async (t) => {
  const { hooks, calls, told } = recorder();
  const { storage } = setUp(hooks);
  await publishToy(storage, NAME, '1.0.0', BYTES, toyCatalog(storage));
  const artifact = artifactKey(NAME, '1.0.0');
  const document = documentKey(NAME);
  t.same(told(), [`beforePut ${artifact}`, `beforePut ${document}`, `afterPut ${artifact}`, `afterPut ${document}`]);
  const [{ operationId, open, ...first }] = calls as [TCall];
  t.match(operationId, /^[0-9a-f-]{36}$/);
  t.same(new Set(calls.map((call) => call.operationId)), new Set([operationId]), 'one write, one id');
  t.type(open, 'function');
  t.same(first, {
    hook: 'beforePut',
    operation: 'put',
    key: artifact,
    askedKey: artifact,
    protocol: 'toy',
    actor,
    timestamp: new Date('2026-05-05T00:00:00Z'),
    phase: 'commit',
    metadata: {
      contentType: 'application/octet-stream',
      size: BYTES.byteLength,
      digest: `sha256:${sha256(BYTES)}`,
      packageName: NAME,
      version: '1.0.0',
      kind: 'artifact',
    },
  });
  t.match(calls[1], {
    operation: 'put',
    metadata: { kind: 'document', packageName: NAME, version: '1.0.0', contentType: 'application/json' },
    phase: 'commit',
  });
});

t.test('beforePut comes before anything is placed, afterPut when it is readable', async (t) => {
  const seen: string[] = [];
  const { hooks } = recorder({
    beforePut: () => {
      seen.push(`before ${inner.keys('toy/').length}`);
      return { allowed: true };
    },
    afterPut: async () => {
      seen.push(`after ${(await readToy(inner, NAME, '1.0.0'))?.byteLength}`);
    },
  });
  const { inner, storage } = setUp(hooks);
  await publishToy(storage, NAME, '1.0.0', BYTES);
  t.same(seen, ['before 0', 'before 0', 'after 10', 'after 10'], 'and the publish waits for it');
});

for (const [what, answer, message] of [
  ['refuses', () => ({ allowed: false, reason: 'Quota exceeded' }), /^Quota exceeded$/],
  ['refuses without a reason', () => ({ allowed: false }), /hook/],
  [
    'gives as its reason what is no text',
    () => ({ allowed: false, reason: { code: 7 } }),
    /^Refused by a storage hook$/,
  ],
  ['forgets to answer', () => undefined, /hook/],
  ['answers something like true', () => ({ allowed: 'yes' }), /hook/],
  [
    'throws',
    () => {
      throw new Error('secret detail');
    },
    /^A storage hook failed/,
  ],
  ['does not answer in time', () => new Promise(() => {}), /^A storage hook failed/],
] as const) {
  for (const refused of ['artifact', 'document'] as const) {
    t.test(`a beforePut that ${what} for the ${refused}: nothing is left behind`, async (t) => {
      for (const bytes of [BYTES, BIG]) {
        const { hooks, told } = recorder({
          beforePut: ({ metadata, phase }) =>
            metadata?.kind === refused && phase === 'commit' ? answer() : { allowed: true },
        });
        const { inner, storage, plain } = setUp(hooks, { hookTimeoutMs: 30 });
        await publishToy(plain, NAME, '0.9.0', bytes);
        const before = inner.keys();
        await t.rejects(publishToy(storage, NAME, '1.0.0', bytes, toyCatalog(storage)), kind('forbidden', message));
        t.same(inner.keys(), before);
        t.notOk(told().some((call) => call.startsWith('afterPut')));
      }
    });
  }
}

t.test('a beforeDelete that refuses: all stays', async (t) => {
  for (const refused of ['artifact', 'document']) {
    const { hooks } = recorder({
      beforeDelete: ({ metadata }) => ({ allowed: metadata?.kind !== refused, reason: 'protected' }),
    });
    const { inner, storage, plain } = setUp(hooks);
    await publishToy(plain, NAME, '1.0.0', BYTES, toyCatalog(plain));
    const before = inner.keys();
    await t.rejects(removeToy(storage, NAME, '1.0.0', toyCatalog(storage)), kind('forbidden', /^protected$/));
    t.same(inner.keys(), before);
    t.same(await readToy(inner, NAME, '1.0.0'), BYTES);
  }
});

t.test('a removal asks and tells in the same order', async (t) => {
  const { hooks, calls, told } = recorder();
  const { storage, plain } = setUp(hooks);
  await publishToy(plain, NAME, '1.0.0', BYTES);
  await removeToy(storage, NAME, '1.0.0');
  const artifact = artifactKey(NAME, '1.0.0');
  const document = documentKey(NAME);
  t.same(told(), [
    `beforeDelete ${artifact}`,
    `beforeDelete ${document}`,
    `afterDelete ${artifact}`,
    `afterDelete ${document}`,
  ]);
  t.match(calls[0], {
    operation: 'delete',
    actor,
    metadata: { kind: 'artifact', packageName: NAME, version: '1.0.0' },
  });
});

t.test('a removal that finds more than it asked about asks about the rest', async (t) => {
  const { hooks, told } = recorder();
  const { inner, store, storage, plain } = setUp(hooks);
  await publishToy(plain, NAME, '1.0.0', BYTES);
  let sneaked = false;
  store.before = async ({ verb }) => {
    if (verb !== 'put' || sneaked) return;
    sneaked = true;
    await publishToy(plain, NAME, '1.0.1', BYTES);
  };
  await storage.commit<{ revision: number; versions: { key: string }[] }>({
    packageName: NAME,
    document: {
      key: documentKey(NAME),
      apply: (current) => ({ revision: (current?.revision ?? 0) + 1, versions: [] }),
    },
    drop: (before) => (before?.versions ?? []).map(({ key }) => key),
  });
  t.same(told(), [
    `beforeDelete ${artifactKey(NAME, '1.0.0')}`,
    `beforeDelete ${documentKey(NAME)}`,
    `beforeDelete ${artifactKey(NAME, '1.0.1')}`,
    `afterDelete ${artifactKey(NAME, '1.0.0')}`,
    `afterDelete ${artifactKey(NAME, '1.0.1')}`,
    `afterDelete ${documentKey(NAME)}`,
  ]);
  t.same(inner.keys(), [documentKey(NAME)]);
});

t.test('after hooks that fail or hang fail nothing', async (t) => {
  const fail = () => {
    throw new Error('audit log is down');
  };
  const hang = () => new Promise(() => {});
  for (const answer of [fail, hang]) {
    const { hooks } = recorder({ afterPut: answer, afterDelete: answer, afterGet: answer });
    const { storage, errors } = setUp(hooks, { hookTimeoutMs: 20 });
    await publishToy(storage, NAME, '1.0.0', BYTES);
    t.same(errors, Array(2).fill('The storage hook afterPut failed; what it came after stands'));
    const found = await storage.open(artifactKey(NAME, '1.0.0'), {}, { kind: 'artifact' });
    if (!found || found === 'notModified') return t.fail('not found');
    t.same(await streamToBuffer(found.body), BYTES);
    await removeToy(storage, NAME, '1.0.0');
    t.equal(await readToy(storage.store, NAME, '1.0.0'), null);
  }
});

t.test('hooks run once, however often the write is tried', async (t) => {
  const { hooks, told } = recorder();
  const { store, storage, plain } = setUp(hooks);
  let others = 3;
  store.before = async ({ verb, key }) => {
    if (verb === 'put' && key === documentKey(NAME) && others-- > 0) {
      await publishToy(plain, NAME, `0.${others}.0`, BYTES);
    }
  };
  await publishToy(storage, NAME, '1.0.0', BYTES, toyCatalog(storage));
  t.equal(told().length, 4);
});

t.test('what has nothing to write asks nobody', async (t) => {
  const { hooks, told } = recorder();
  const { store, storage, plain } = setUp(hooks);
  await publishToy(plain, NAME, '1.0.0', BYTES);
  await t.rejects(publishToy(storage, NAME, '1.0.0', BYTES), kind('alreadyExists'), 'refused in the dry run');
  const same = toyPlan(NAME, '1.0.0', []);
  same.document.apply = (current) => current!;
  store.reset();
  t.equal((await storage.commit(same))?.versions.length, 1);
  t.equal(store.count('put'), 0);
  t.same(told(), []);
});

t.test('an update of the document alone (a tag, a yank) is asked about as a document', async (t) => {
  const { hooks, told } = recorder();
  const { storage, plain } = setUp(hooks);
  await publishToy(plain, NAME, '1.0.0', BYTES);
  const tag = toyPlan(NAME, '1.0.0', []);
  tag.document.apply = (current) => ({ ...current!, revision: current!.revision + 1 });
  t.equal((await storage.commit(tag))?.revision, 2);
  t.same(told(), [`beforePut ${documentKey(NAME)}`, `afterPut ${documentKey(NAME)}`]);
});

t.test('the registry’s own bookkeeping is nobody’s business', async (t) => {
  const { hooks, told } = recorder();
  const { storage } = setUp(hooks);
  await storage.update('auth/users/ann.json', () => ({}));
  await storage.read('auth/users/ann.json');
  await storage.head('auth/users/ann.json');
  await storage.open('auth/users/ann.json');
  await storage.delete('auth/users/ann.json');
  const catalog = toyCatalog(storage);
  await catalog.note(NAME, { name: NAME, revision: 1, versions: [] });
  await catalog.entries();
  await storage.sweep();
  t.same(told(), []);
});

t.test('reading: beforeGet may refuse, afterGet hears of what was found', async (t) => {
  let allowed = true;
  const { hooks, calls, told } = recorder({ beforeGet: () => ({ allowed, reason: 'not today' }) });
  const { store, storage, plain } = setUp(hooks);
  await publishToy(plain, NAME, '1.0.0', BYTES);
  const key = artifactKey(NAME, '1.0.0');
  const about = { packageName: NAME, version: '1.0.0', kind: 'artifact' as const };
  const found = await storage.open(key, {}, about);
  if (!found || found === 'notModified') return t.fail('not found');
  await found.body.cancel();
  t.same(told(), [`beforeGet ${key}`, `afterGet ${key}`]);
  t.match(calls[0], { operation: 'get', actor, protocol: 'toy', metadata: about });
  t.equal(await storage.open('toy/nothing', {}, about), null);
  t.equal(await storage.open(key, { ifNoneMatch: found.info.etag }, about), 'notModified');
  t.ok(await storage.headForGet(documentKey(NAME), { kind: 'document' }));
  t.equal(await storage.headForGet('toy/nothing', { kind: 'document' }), null);
  t.same(told().slice(2), [
    'beforeGet toy/nothing',
    `beforeGet ${key}`,
    `beforeGet ${documentKey(NAME)}`,
    `afterGet ${documentKey(NAME)}`,
    'beforeGet toy/nothing',
  ]);
  allowed = false;
  store.reset();
  await t.rejects(storage.open(key, {}, about), kind('forbidden', /^not today$/));
  await t.rejects(storage.headForGet(key, about), kind('forbidden'));
  t.equal(store.count(), 0, 'the store is not even asked');
});

t.test('a body that does not fit in memory is asked about before its first byte', async (t) => {
  let allowed = true;
  const { hooks, calls } = recorder({ beforePut: () => ({ allowed, reason: 'Quota exceeded' }) });
  const { inner, storage } = setUp(hooks);
  let pulled = 0;
  let cancelled = false;
  const body = () =>
    new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulled++;
          controller.enqueue(BYTES);
          controller.close();
        },
        cancel() {
          cancelled = true;
        },
      },
      { highWaterMark: 0 },
    );
  const about = { key: artifactKey(NAME, '1.0.0'), packageName: NAME };
  await storage.stage(body(), { hashes: [], about });
  t.match(calls, [
    { hook: 'beforePut', phase: 'start', key: about.key, metadata: { packageName: NAME, kind: 'artifact' } },
  ]);
  t.equal(calls[0]?.metadata?.size, undefined);
  await storage.stage(body(), { hashes: [], size: BYTES.byteLength, about });
  await storage.stage(BIG, { hashes: [], about });
  await storage.stage(body(), { hashes: [] });
  t.equal(calls.length, 1, 'what is small, in memory, or unnamed is only asked about when it is published');
  allowed = false;
  pulled = 0;
  await t.rejects(storage.stage(body(), { hashes: [], about, size: 1e9 }), kind('forbidden', /^Quota exceeded$/));
  t.equal(calls[1]?.metadata?.size, 1e9);
  t.equal(pulled, 0);
  t.ok(cancelled, 'its source is freed');
  t.same(inner.keys(), []);
});

/**
 * Bytes in use as a quota hook would count them: reserved when allowed, given back when it did not happen. By operation
 * and version, because an artifact may be put at another key than the one that was asked about.
 */
const quota = () => {
  const reserved = new Map<string, number>();
  let used = 0;
  const idOf = ({ operationId, metadata }: IStorageHookContext): string => `${operationId} ${metadata?.version}`;
  const reserve = (context: IStorageHookContext) => {
    const { kind: what, size } = context.metadata ?? {};
    if (what === 'artifact' && size !== undefined) reserved.set(idOf(context), size);
  };
  const take = (context: IStorageHookContext): number => {
    if (context.metadata?.kind !== 'artifact') return 0;
    const size = reserved.get(idOf(context)) ?? 0;
    reserved.delete(idOf(context));
    return size;
  };
  const hooks: IStorageHooks = {
    beforePut: async (context) => {
      reserve(context);
      return { allowed: true };
    },
    afterPut: async (context) => {
      used += take(context);
    },
    afterDelete: async ({ metadata }) => {
      if (metadata?.kind === 'artifact') used -= metadata.size ?? Number.NaN;
    },
    afterAbort: async (context) => {
      if (context.operation === 'put') take(context);
    },
  };
  return { hooks, count: () => ({ used, reserved: reserved.size }) };
};

t.test('a quota that is kept by hooks is right under failures, losers, replacements and deletes', async (t) => {
  for (const bytes of [BYTES, BIG]) {
    const size = bytes.byteLength;
    const { hooks, count } = quota();
    const { store, storage, plain } = setUp(hooks);
    await publishToy(storage, NAME, '1.0.0', bytes);
    t.same(count(), { used: size, reserved: 0 });
    await t.rejects(publishToy(storage, NAME, '1.0.0', bytes), kind('alreadyExists'));
    await storage.release();
    t.same(count(), { used: size, reserved: 0 }, 'refused in the dry run');
    let left = 1;
    store.before = async ({ verb, key }) => {
      if (verb === 'put' && key === documentKey(NAME) && left-- > 0) await publishToy(plain, NAME, '2.0.0', bytes);
    };
    await t.rejects(publishToy(storage, NAME, '2.0.0', bytes), kind('alreadyExists'));
    t.same(count(), { used: size, reserved: 0 }, 'lost at the commit');
    store.before = ({ verb, key }) => {
      if (verb === 'put' && key === documentKey(NAME)) throw new RegistryError('forbidden', 'read-only');
    };
    await t.rejects(publishToy(storage, NAME, '3.0.0', bytes), kind('forbidden'));
    t.same(count(), { used: size, reserved: 0 }, 'the store refused');
    store.before = undefined;
    await publishToy(storage, NAME, '1.0.0', bytes, undefined, true);
    t.same(count(), { used: size, reserved: 0 }, 'replaced by as many bytes');
    await removeToy(storage, NAME, '1.0.0');
    t.same(count(), { used: 0, reserved: 0 });
  }
});

t.test('an upload that breaks off after it was announced is told as aborted', async (t) => {
  const { hooks, calls } = recorder();
  const { storage } = setUp(hooks);
  const broken = async function* () {
    yield BIG;
    throw new Error('the client is gone');
  };
  const about = { key: 'k', contentType: 'x/y', packageName: NAME, version: '1.0.0' };
  await t.rejects(storage.stage(broken(), { hashes: [], about }), /client is gone/);
  const unused = await storage.stage(
    (async function* () {
      yield BIG;
    })(),
    { hashes: [], about },
  );
  t.equal(unused.size, BIG.byteLength);
  await storage.release();
  t.same(
    calls.map(({ hook, phase, operation, key }) => [hook, phase, operation, key]),
    [
      ['beforePut', 'start', 'put', 'k'],
      ['afterAbort', 'start', 'put', 'k'],
      ['beforePut', 'start', 'put', 'k'],
      ['afterAbort', 'start', 'put', 'k'],
    ],
  );
});

t.test('a hook that refuses the document: what was allowed before it is told as aborted', async (t) => {
  const { hooks, told } = recorder({
    beforePut: ({ metadata }) => ({ allowed: metadata?.kind === 'artifact' }),
  });
  const { storage } = setUp(hooks);
  await t.rejects(publishToy(storage, NAME, '1.0.0', BYTES), kind('forbidden'));
  const artifact = artifactKey(NAME, '1.0.0');
  t.same(told(), [`beforePut ${artifact}`, `beforePut ${documentKey(NAME)}`, `afterAbort ${artifact}`]);
});

t.test('a write of unknown outcome is told neither as done nor as aborted', async (t) => {
  const { hooks, told } = recorder();
  const { store, storage } = setUp(hooks);
  let isDown = false;
  store.before = ({ key }) => {
    if (isDown && key === documentKey(NAME)) throw new RegistryError('unavailable', 'down');
  };
  store.after = ({ verb, key }) => {
    if (verb !== 'put' || key !== documentKey(NAME)) return;
    isDown = true;
    throw new RegistryError('outcomeUnknown', 'lost');
  };
  await t.rejects(publishToy(storage, NAME, '1.0.0', BYTES), kind('unavailable'));
  t.same(told(), [`beforePut ${artifactKey(NAME, '1.0.0')}`, `beforePut ${documentKey(NAME)}`]);
});

t.test('a scanner reads the bytes before they are published, as often as it likes', async (t) => {
  for (const bytes of [BYTES, BIG]) {
    const seen: Buffer[] = [];
    const { hooks } = recorder({
      beforePut: async ({ open, phase, metadata }) => {
        if (phase === 'commit' && metadata?.kind === 'artifact') {
          for (let n = 0; n < 2; n++) seen.push(await streamToBuffer(open!()));
          await open!().cancel();
        }
        return { allowed: !seen.some((content) => content.includes('virus')) };
      },
    });
    const { inner, storage } = setUp(hooks);
    await publishToy(storage, NAME, '1.0.0', bytes);
    t.same(seen, [bytes, bytes]);
    const infected = Buffer.concat([bytes, Buffer.from('virus')]);
    await t.rejects(publishToy(storage, NAME, '2.0.0', infected), kind('forbidden'));
    t.equal(await readToy(inner, NAME, '2.0.0'), null);
  }
});

t.test('what a hook does to its context changes nothing for others, and only a scanner gets bytes', async (t) => {
  const { hooks, calls } = recorder({
    beforePut: (context) => {
      (context.metadata as { size?: number }).size = 0;
      context.key = 'another';
      return { allowed: true };
    },
  });
  const { storage } = setUp(hooks);
  await publishToy(storage, NAME, '1.0.0', BYTES);
  await removeToy(storage, NAME, '1.0.0');
  const told = calls.filter(({ hook, metadata }) => hook === 'afterPut' && metadata?.kind === 'artifact');
  t.match(told, [{ key: artifactKey(NAME, '1.0.0'), metadata: { size: BYTES.byteLength } }]);
  for (const call of calls.filter(({ hook }) => hook !== 'beforePut')) t.notOk('open' in call, call.hook);
});

t.test('each hook alone learns how many bytes a removal frees', async (t) => {
  for (const hook of ['beforeDelete', 'afterDelete', 'afterAbort'] as const) {
    const sizes: unknown[] = [];
    const heard = async ({ metadata }: IStorageHookContext) => {
      if (metadata?.kind === 'artifact') sizes.push(metadata.size);
      return { allowed: true };
    };
    const { store, storage, plain } = setUp({ [hook]: heard });
    await publishToy(plain, NAME, '1.0.0', BYTES);
    if (hook === 'afterAbort') {
      store.before = ({ verb }) => {
        if (verb === 'put') throw new RegistryError('forbidden', 'read-only');
      };
    }
    await removeToy(storage, NAME, '1.0.0').catch(() => {});
    t.same(sizes, [BYTES.byteLength], hook);
  }
});

t.test('afterPut gets the key where the artifact lies, and the one that was asked about', async (t) => {
  const { hooks, calls } = recorder();
  const { inner, storage } = setUp(hooks);
  const key = artifactKey(NAME, '1.0.0');
  await inner.put(key, Buffer.from('of a publish that broke off'));
  const { versions } = await publishToy(storage, NAME, '1.0.0', BYTES);
  t.not(versions[0]?.key, key);
  t.same(
    calls.filter(({ hook }) => hook === 'afterPut').map((call) => [call.key, call.askedKey]),
    [
      [versions[0]?.key, key],
      [documentKey(NAME), documentKey(NAME)],
    ],
  );
});

t.test('an announced upload that is published has one outcome', async (t) => {
  const { hooks, calls } = recorder();
  const { storage } = setUp(hooks);
  const key = artifactKey(NAME, '1.0.0');
  const contentType = 'application/octet-stream';
  const body = async function* () {
    yield BIG;
  };
  const about = { key, contentType, packageName: NAME, version: '1.0.0' };
  const staged = await storage.stage(body(), { hashes: ['sha256'], about });
  await storage.commit(toyPlan(NAME, '1.0.0', [{ staged, key, contentType }]));
  await storage.release();
  t.same(
    calls.filter((call) => call.key === key).map(({ hook, phase }) => [hook, phase]),
    [
      ['beforePut', 'start'],
      ['beforePut', 'commit'],
      ['afterPut', 'commit'],
    ],
  );
  const ids = new Set(calls.map(({ operationId }) => operationId));
  t.equal(ids.size, 1, 'and one id, from its first byte on');
  await removeToy(storage, NAME, '1.0.0');
  t.notOk(ids.has(calls.at(-1)!.operationId), 'the next write has another one');
});

t.test('a publish that finds its work done by another process is told as aborted', async (t) => {
  const { hooks, told } = recorder();
  const { inner, store, storage, plain } = setUp(hooks);
  const key = artifactKey(NAME, '1.0.0');
  const publish = async (by: typeof storage) => {
    const staged = await by.stage(BYTES, { hashes: ['sha256'] });
    const plan = toyPlan(NAME, '1.0.0', [{ staged, key, contentType: 'a/b' }], toyCatalog(by));
    const { apply } = plan.document;
    plan.document.apply = (current, placed, stamp) => (current ? current : apply(current, placed, stamp));
    return by.commit(plan);
  };
  // an orphan is at the layout key, so that both have a key of their own
  await inner.put(key, Buffer.from('orphan'));
  let left = 1;
  store.before = async ({ verb, key: at }) => {
    if (verb === 'put' && at === documentKey(NAME) && left-- > 0) await publish(plain);
  };
  const document = await publish(storage);
  t.same(inner.keys(`toy/packages/${encodeURIComponent(NAME)}/files/`), [key, document?.versions[0]?.key].sort());
  t.same(told(), [
    `beforePut ${key}`,
    `beforePut ${documentKey(NAME)}`,
    `afterAbort ${key}`,
    `afterAbort ${documentKey(NAME)}`,
  ]);
  await toyCatalog(storage).entries();
  t.same(
    inner.keys().filter((at) => at.includes('/pending/')),
    [],
    'and its marker is gone',
  );
});

t.test('a replacement asks about what it puts, what it drops, and the document as one that is put', async (t) => {
  const { hooks, told } = recorder();
  const { storage, plain } = setUp(hooks);
  await publishToy(plain, NAME, '1.0.0', BYTES);
  const old = (await publishToy(plain, NAME, '1.0.0', BYTES, undefined, true)).versions[0]?.key;
  const made = (await publishToy(storage, NAME, '1.0.0', BYTES, undefined, true)).versions[0]?.key;
  const asked = artifactKey(NAME, '1.0.0');
  t.not(made, old);
  t.same(told(), [
    `beforePut ${asked}`,
    `beforeDelete ${old}`,
    `beforePut ${documentKey(NAME)}`,
    `afterPut ${made}`,
    `afterPut ${documentKey(NAME)}`,
    `afterDelete ${old}`,
  ]);
});

t.test('of a removal the hooks get the digest that its plan knows', async (t) => {
  const { hooks, calls } = recorder();
  const { storage, plain } = setUp(hooks);
  await publishToy(plain, NAME, '1.0.0', BYTES);
  await storage.commit<{ versions: { key: string }[] }>({
    packageName: NAME,
    document: { key: documentKey(NAME), apply: (current) => ({ ...current!, versions: [] }) },
    drop: (before) => (before?.versions ?? []).map(({ key }) => key),
    digest: 'sha256:abc',
  });
  const artifacts = calls.filter(({ metadata }) => metadata?.kind === 'artifact');
  t.same(
    artifacts.map(({ hook, metadata }) => [hook, metadata?.digest, metadata?.size]),
    [
      ['beforeDelete', 'sha256:abc', BYTES.byteLength],
      ['afterDelete', 'sha256:abc', BYTES.byteLength],
    ],
  );
});
