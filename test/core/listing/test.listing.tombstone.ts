import t from 'tap';
import { RegistryStorage } from '../../../ts/core/classes.registrystorage.js';
import { MemoryObjectStore } from '../../support/store/memory-objectstore.js';
import * as toy from '../../support/toy-packages.js';

t.test('a name whose orphans were swept before its first publish is listed after it', async (t) => {
  const inner = new MemoryObjectStore();
  const storage = new RegistryStorage(inner);
  const catalog = toy.toyCatalog(storage);
  await toy.publishToy(storage, 'other', '1.0.0', Buffer.from('x'), catalog);
  // two publishes that broke off, and the sweeps of two days
  for (let n = 0; n < 2; n++) {
    await inner.put(`${toy.artifactKey('pad', '1.0.0')}.11111111-2222-4333-8444-55555555555${n}`, Buffer.from('x'));
    t.equal(await toy.sweepToys(storage), 1);
  }
  t.equal(await catalog.reconcile(new Date(0)), 0, 'there is nothing to list');
  await toy.publishToy(storage, 'pad', '1.0.0', Buffer.from('x'), catalog);
  t.same([...(await catalog.entries({ maxAgeMs: 0 })).keys()].sort(), ['other', 'pad']);
  t.same([...(await toy.toyCatalog(new RegistryStorage(inner)).entries()).keys()].sort(), ['other', 'pad']);
  t.equal(await storage.presence(toy.documentKey('never')), 'absent');
});

t.test('orphans of a name that was never published do not make it a deleted one', async (t) => {
  const inner = new MemoryObjectStore();
  const storage = new RegistryStorage(inner);
  await inner.put(toy.artifactKey('pad', '1.0.0'), Buffer.from('x'));
  t.equal(await toy.sweepToys(storage), 1);
  const key = toy.documentKey('pad');
  t.equal(await storage.presence(key), 'absent');
  t.equal(await new RegistryStorage(inner).presence(key), 'absent');
  await storage.update(key, () => ({ name: 'pad' }));
  t.equal(await storage.presence(key), 'present');
  await storage.update(key, () => null);
  t.equal(await storage.presence(key), 'deleted');
  await inner.put(toy.artifactKey('pad', '2.0.0'), Buffer.from('x'));
  t.equal(await toy.sweepToys(storage), 1);
  t.equal(await storage.presence(key), 'deleted', 'it stays one');
});
