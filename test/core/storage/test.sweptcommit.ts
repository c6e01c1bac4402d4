import t from 'tap';
import { fromIterable } from '../../../ts/core/base/helpers.streams.js';
import { RegistryError } from '../../../ts/core/classes.registryerror.js';
import { RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import { FaultObjectStore } from '../../support/store/fault-objectstore.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';
import * as toy from '../../support/toy-packages.js';

const NAME = 'pad';
const KEY = toy.artifactKey(NAME, '1.0.0');
const DOCUMENT = toy.documentKey(NAME);
const SMALL = 10;
const LARGE = 400 * 1024; // goes through staging/, and is spent when it is placed

t.test(
  'an own key is given up if a sweep condemned it in a version that this process has seen before it commits',
  async (t) => {
    for (const size of [SMALL, LARGE]) {
      for (const sweeper of ['same', 'other'] as const) {
        const inner = new MemoryObjectStore();
        const store = new FaultObjectStore(inner);
        const storage = new RegistryStorage(store);
        const other = new RegistryStorage(inner);
        const late: string[] = [];
        // the layout key is taken by an orphan, so the artifact goes to a key of its own
        await inner.put(KEY, Buffer.from('orphan'), { immutable: true });
        let left = 1;
        const real = inner.delete.bind(inner);
        inner.delete = async (key) => {
          if (!key.startsWith(KEY)) return real(key);
          late.push(key);
          throw new RegistryError('outcomeUnknown', 'it will arrive in an hour');
        };
        store.after = async ({ verb, key }) => {
          if ((verb !== 'put' && verb !== 'compose') || !key.startsWith(`${KEY}.`) || left-- <= 0) return;
          await toy.sweepToys(sweeper === 'same' ? storage : other, { olderThanMs: -1000 });
          // this process gets to know the version in which the keys were condemned
          await storage.read(DOCUMENT);
        };
        const document = await toy.publishToy(storage, NAME, '1.0.0', Buffer.alloc(size, 'a'));
        inner.delete = real;
        for (const key of late) await inner.delete(key);
        t.ok(late.length >= 2, `${late.length}`);
        t.notOk(late.includes(document.versions[0]!.key), `${sweeper} ${size}`);
        t.same(await toy.readToy(inner, NAME, '1.0.0').catch((error: Error) => error.message), Buffer.alloc(size, 'a'));
      }
    }
  },
);

t.test('a staged upload that a sweep removed: the commit asks the client to send it again', async (t) => {
  const inner = new MemoryObjectStore();
  const storage = new RegistryStorage(inner);
  const body = fromIterable([Buffer.alloc(LARGE / 2, 'a'), Buffer.alloc(LARGE / 2, 'a')]);
  const staged = await storage.stage(body, { hashes: ['sha256'] });
  t.not(inner.keys('staging/').length, 0);
  for (const key of inner.keys('staging/')) await inner.delete(key);
  const plan = toy.toyPlan(NAME, '1.0.0', [{ staged, key: KEY, contentType: 'application/octet-stream' }]);
  await t.rejects(storage.commit(plan), { kind: 'unavailable', message: /send it again/ });
  t.same(inner.keys('toy/packages/'), []);
});

t.test('an artifact that cannot be placed leaves no marker', async (t) => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  const storage = new RegistryStorage(store);
  const refused = new RegistryError('tooLarge', 'the store does not take it');
  store.before = ({ verb, key }) => {
    if ((verb === 'put' || verb === 'compose') && key.startsWith(KEY)) throw refused;
  };
  const publishing = toy.publishToy(storage, NAME, '1.0.0', Buffer.alloc(SMALL, 'a'), toy.toyCatalog(storage));
  await t.rejects(publishing, refused);
  t.same(
    inner.keys().filter((key) => key.includes('/pending/')),
    [],
  );
});

t.test('a large artifact that has to be moved: the answer to that is lost, and it is moved all the same', async (t) => {
  const inner = new MemoryObjectStore();
  const store = new FaultObjectStore(inner);
  const storage = new RegistryStorage(store);
  // a driver that copies: what is joined stays where it was
  const compose = inner.compose.bind(inner);
  inner.compose = async (target, parts, options) => {
    const kept = parts.map((part) => [part, inner.objects.get(part)] as const);
    const made = await compose(target, parts, options);
    for (const [part, held] of kept) if (held) inner.objects.set(part, held);
    return made;
  };
  const sweeping = new FaultObjectStore(inner);
  sweeping.before = ({ verb }) => {
    if (verb === 'delete') throw new RegistryError('outcomeUnknown', 'it will arrive in an hour');
  };
  const isSwept = store.once('put', DOCUMENT, () =>
    toy.sweepToys(new RegistryStorage(sweeping), { olderThanMs: -1000 }),
  );
  let lost = 0;
  store.after = ({ verb, key }) => {
    if (verb !== 'compose' || !key.startsWith(`${KEY}.`) || lost++ > 0) return;
    throw new RegistryError('outcomeUnknown', 'lost');
  };
  const document = await toy.publishToy(storage, NAME, '1.0.0', Buffer.alloc(LARGE, 'a'));
  t.ok(isSwept());
  t.equal(lost, 1);
  t.match(document.versions[0]?.key, /\.bin\.[0-9a-f-]{36}$/);
  await inner.delete(KEY);
  t.same(await toy.readToy(inner, NAME, '1.0.0'), Buffer.alloc(LARGE, 'a'));
});
