import { readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { SmartRegistry } from '../../ts/index.js';
import { documentKey, tarballKey } from '../../ts/npm/keys.npm.js';
import { Actor } from '../support/npm/actors.js';
import { startRegistry, temporaryFolder } from '../support/registry.js';

const auth = {
  jwtSecret: 'a-secret-of-the-tests',
  tokenStore: 'bucket' as const,
  users: [{ username: 'root', password: 'correct horse battery', scopes: ['*:*:*:*'] }],
};

/** Cuts the file of an object off, as a fault of the disk may. */
const damage = async (directory: string, path: string): Promise<void> => {
  const place = join(directory, 'objects', `${path}=`);
  const isFolder = (await stat(place)).isDirectory();
  const generation = isFolder && (await readdir(place)).find((name) => name.includes('.'));
  await truncate(generation ? join(place, generation) : place, 10);
};

/** A registry that was stopped, in which three packages were published, and a way to start it. */
const stopped = async (t: Test) => {
  const directory = await temporaryFolder(t);
  const first = new SmartRegistry({ auth, npm: { enabled: true }, storage: { directory }, logger: false });
  await first.init();
  const token = await first.getAuthManager().createNpmToken('root');
  const actor = new Actor(first, token);
  for (const name of ['one', 'two', 'three']) t.equal((await actor.publish(name, '1.0.0')).status, 201);
  const start = async () => {
    const errors: string[] = [];
    const error = (message: string) => void errors.push(message);
    const logger = { info: () => {}, warn: () => {}, error };
    const registry = await startRegistry(t, { auth, npm: { enabled: true }, storage: { directory }, logger });
    return { registry, errors, actor: new Actor(registry, token) };
  };
  const found = async (from: Actor): Promise<string[]> => {
    const answer = (await from.get('/-/v1/search?text=')).json() as { objects?: { package: { name: string } }[] };
    return (answer.objects ?? []).map((hit) => hit.package.name).sort();
  };
  return { directory, first, token, start, found };
};

t.test(
  'a damaged document costs its package, and no other: not in search, not in a sweep, not in a rebuild',
  async (t) => {
    const { directory, first, start, found } = await stopped(t);
    await first.destroy();
    await damage(directory, documentKey('two').replace(/^/, ''));
    const { registry, actor, errors } = await start();
    const { store } = registry.getStorage();
    t.equal((await actor.get('/one')).status, 200);
    t.equal((await actor.get('/two')).status, 500);
    t.equal(
      (await actor.publish('two', '1.0.0')).status,
      500,
      'it may not be published anew: what it named is unknown',
    );
    t.same(await found(actor), ['one', 'three', 'two']);
    for (const name of ['one', 'two'])
      await store.put(tarballKey(name, '9.9.9'), Buffer.from('x'), { immutable: true });
    t.equal(await registry.getRegistry('npm')?.sweepOrphans({ olderThanMs: 0 }), 1);
    t.ok(await store.head(tarballKey('two', '9.9.9')), 'what may be named is not deleted');
    t.ok(await store.head(tarballKey('two', '1.0.0')));
    t.match(errors.join(), 'its package is not swept');
    await registry.rebuildListings();
    t.same(await found(actor), ['one', 'three']);
    t.match(errors.join(), 'its package is not listed');
  },
);

t.test('what is damaged of a listing is made anew from the documents', async (t) => {
  for (const part of ['entries', 'pieces', 'manifest.json']) {
    const { directory, first, start, found } = await stopped(t);
    if (part !== 'entries') await first.rebuildListings();
    await first.destroy();
    const catalog = join(directory, 'objects/npm/catalog');
    const [file = ''] = part === 'manifest.json' ? [''] : await readdir(join(catalog, part));
    await damage(directory, `npm/catalog/${part}${file && '/'}${file.replace(/=$/, '')}`);
    const { actor, registry, errors } = await start();
    t.same(await found(actor), ['one', 'three', 'two'], part);
    t.match(errors.join(), 'of a package listing is damaged');
    t.equal((await actor.publish('four', '1.0.0')).status, 201);
    t.same(await found(actor), ['four', 'one', 'three', 'two']);
    await registry.getStorage().settled();
  }
});

t.test('a damaged user or token is missing from its list, and the others are shown', async (t) => {
  const { directory, first, start } = await stopped(t);
  const { users } = first.getAuthManager();
  for (const username of ['alice', 'bob']) await users.create({ username, password: 'correct horse battery' });
  const tokens = await Promise.all(['alice', 'bob'].map((name) => first.getAuthManager().createNpmToken(name)));
  const [alice] = await first.getAuthManager().listTokens('alice');
  await first.destroy();
  await damage(directory, 'auth/users/bob.json');
  await damage(directory, `auth/tokens/${alice?.id}.json`);
  const { registry, errors } = await start();
  const manager = registry.getAuthManager();
  t.same((await manager.users.list()).map(({ userId }) => userId).sort(), ['alice', 'root']);
  t.same(
    (await manager.listTokens()).map(({ userId }) => userId),
    ['root'],
  );
  t.same(await manager.listTokens('alice'), []);
  t.equal(await manager.sweep(), 0, 'a token that cannot be read has not expired');
  t.match(errors.join(), 'left out of a list');
  for (const token of tokens) await t.rejects(manager.validateToken(token), 'nor is it unknown');
});
