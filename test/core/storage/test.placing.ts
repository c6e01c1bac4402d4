import t from 'tap';
import { RegistryError } from '../../../ts/core/classes.registryerror.js';
import { RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import { FaultObjectStore } from '../../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';
import * as toy from '../../support/toy-packages.js';
import { manyTurns, until } from '../../support/waiting.js';

const NAME = 'pad';
const content = (text: string) => Buffer.from(text);
const memory = () => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  return { inner, store, storage: new RegistryStorage(store) };
};
const files = (store: MemoryObjectStore): string[] => store.keys(`toy/packages/${NAME}/files/`);

t.test(
  'artifacts of one write are placed at once; if one fails, the others are waited for and taken back',
  async (t) => {
    const { inner, store, storage } = memory();
    const keys = ['1.0.0', '2.0.0', '3.0.0'].map((version) => toy.artifactKey(NAME, version));
    // orphans, so that the write uses keys of its own, which it takes back
    for (const key of keys) await inner.put(key, content('x'), { immutable: true });
    const plansOf = async () => {
      const staged = await Promise.all(
        ['a', 'b', 'c'].map((text) => storage.stage(content(text), { hashes: ['sha256'] })),
      );
      return staged.map((one, at) => ({
        staged: one,
        key: keys[at] as string,
        contentType: 'application/octet-stream',
      }));
    };
    const isOwn = (key: string, at: number): boolean => key.startsWith(`${keys[at]}.`);
    const begun = new Set<number>();
    let isLeft = false;
    store.before = async ({ verb, key }) => {
      const at = keys.findIndex((_, place) => isOwn(key, place));
      if (verb !== 'put' || at < 0) return;
      begun.add(at);
      await until(() => begun.size === 3);
      if (at === 0) throw new RegistryError('forbidden', 'no');
      // the first has failed long ago
      await manyTurns();
      t.notOk(isLeft, 'the write waits');
    };
    const writing = storage.commit(toy.toyPlan(NAME, '1.0.0', await plansOf())).finally(() => {
      isLeft = true;
    });
    await t.rejects(writing, { kind: 'forbidden' } as unknown as Error);
    t.same(files(inner), keys, 'only the orphans of before');
  },
);

t.test('the artifacts of one write are recorded in the order of its plan, whichever is stored first', async (t) => {
  const { store, storage } = memory();
  const keys = ['1.0.0', '2.0.0', '3.0.0'].map((version) => toy.artifactKey(NAME, version));
  const staged = await Promise.all(['a', 'b', 'c'].map((text) => storage.stage(content(text), { hashes: ['sha256'] })));
  const place = staged.map((one, at) => ({ staged: one, key: keys[at] as string, contentType: 'text/plain' }));
  store.before = async ({ key }) => {
    for (let later = [2, 1, 0][keys.indexOf(key)] ?? 0; later > 0; later--) await manyTurns();
  };
  let seen: string[] = [];
  const plan = toy.toyPlan(NAME, '1.0.0', place);
  const apply: typeof plan.document.apply = (current, placed, stamp) => {
    seen = placed.map(({ key, digests }) => `${key} ${digests.sha256}`);
    return plan.document.apply(current, placed, stamp);
  };
  await storage.commit({ ...plan, document: { ...plan.document, apply } });
  t.same(
    seen,
    keys.map((key, at) => `${key} ${toy.sha256(content(['a', 'b', 'c'][at] as string))}`),
  );
});

t.test('a key that is taken, by an object that cannot be looked at, is an outage and no refusal', async (t) => {
  const { inner, store, storage } = memory();
  const key = toy.artifactKey(NAME, '1.0.0');
  await inner.put(key, content('x'), { immutable: true });
  store.before = async (call) => {
    if (call.verb === 'head' && call.key === key) throw new RegistryError('unavailable', 'no answer');
  };
  const staged = await storage.stage(content('a'), { hashes: ['sha256'] });
  const plan = toy.toyPlan(NAME, '1.0.0', [{ staged, key, contentType: 'text/plain' }]);
  await t.rejects(storage.commit(plan), { kind: 'unavailable' } as unknown as Error);
  t.same(files(inner), [key], 'nothing was placed');
});
