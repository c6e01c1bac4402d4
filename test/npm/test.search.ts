import t from 'tap';
import type { IAuthProvider, IObjectStore } from '../../ts/index.js';
import { Actor, npmWorld } from '../support/npm/actors.js';
import { startRegistry } from '../support/registry.js';

interface IFound {
  objects: { package: { name: string; version: string; [field: string]: unknown }; searchScore: number }[];
  total: number;
  time: string;
}

const find = async (actor: Actor, query: string): Promise<IFound> =>
  (await actor.get(`/-/v1/search?${query}`)).json() as unknown as IFound;
const names = ({ objects }: IFound): string[] => objects.map((object) => object.package.name);

t.test('npm search finds what was published, at once', async (t) => {
  const { anon, writer, admin } = await npmWorld(t);
  t.same(await find(anon, 'text=x').then(names), []);
  await writer.publish('express', '1.0.0', {
    manifest: { description: 'web framework', keywords: ['web'], author: { name: 'Jo' } },
  });
  await writer.publish('express-session', '1.0.0', { manifest: { description: 'sessions for express' } });
  await writer.publish('@s/web-thing', '1.0.0');
  const found = await find(anon, 'text=express&size=20&from=0&quality=0.65&popularity=0.98&maintenance=0.5');
  t.same(names(found), ['express', 'express-session']);
  t.equal(found.total, 2);
  t.ok(Math.abs(Date.parse(found.time) - Date.now()) < 60_000);
  t.match(found.objects[0], {
    package: {
      name: 'express',
      version: '1.0.0',
      description: 'web framework',
      keywords: ['web'],
      date: /^\d{4}-/,
      links: {},
      publisher: { username: 'ann', email: 'ann@example.org' },
      maintainers: [{ username: 'ann', email: 'ann@example.org' }],
    },
    score: { final: 1, detail: { quality: Number, popularity: Number, maintenance: Number } },
    searchScore: 1,
  });
  t.same(await find(anon, 'text=keywords:web').then(names), ['express']);
  t.same(await find(anon, 'text=author:jo').then(names), ['express']);
  t.same(await find(anon, 'text=scope:s').then(names), ['@s/web-thing']);
  t.equal((await find(anon, 'text=maintainer:ann')).total, 3);
  t.same(names(await find(anon, 'text=&size=1&from=1')).length, 1);
  t.equal((await find(anon, 'text=&size=1&from=1')).total, 3);
  t.equal((await find(anon, '')).total, 3);
  t.same(names(await find(anon, 'text=&from=99')), []);

  await writer.publish('express', '1.1.0', { manifest: { description: 'of gadgets' } });
  t.equal((await find(anon, 'text=gadgets')).objects[0]?.package.version, '1.1.0');
  t.same(names(await find(anon, 'text=framework')), [], 'the old words are forgotten');
  await admin.delete(`/express/-rev/${(await admin.packument('express'))._rev}`);
  t.same(names(await find(anon, 'text=express')), ['express-session']);
});

t.test('another replica finds it within a second or so', async (t) => {
  const one = await npmWorld(t);
  const two = await npmWorld(t, { storage: { objectStore: one.registry.getStorage().store } });
  t.equal((await find(two.anon, 'text=a')).total, 0);
  await one.writer.publish('a', '1.0.0');
  const deadline = Date.now() + 5000;
  while ((await find(two.anon, 'text=a')).total === 0 && Date.now() < deadline)
    await new Promise((done) => setTimeout(done, 50));
  t.same(names(await find(two.anon, 'text=a')), ['a']);
});

t.test('scores and totals are those of what the caller may see', async (t) => {
  const { anon, writer } = await npmWorld(t, { auth: { anonymousScopes: ['npm:package:pub-*:read'] } });
  await writer.publish('gadget', '1.0.0');
  await writer.publish('pub-thing', '1.0.0', { manifest: { description: 'another gadget' } });
  const all = await find(writer, 'text=gadget');
  t.same(names(all), ['gadget', 'pub-thing']);
  t.ok((all.objects[1]?.searchScore ?? 1) < 1);
  const seen = await find(anon, 'text=gadget');
  t.same(names(seen), ['pub-thing']);
  t.equal(seen.total, 1);
  t.match(seen.objects[0], { searchScore: 1, score: { final: 1 } }, 'the best of them');
});

t.test('a search does not tell whether there is a package that the caller may not see', async (t) => {
  const { anon, writer } = await npmWorld(t, { auth: { anonymousScopes: ['npm:package:pub-*:read'] } });
  await writer.publish('pub-gadgit', '1.0.0', { manifest: { description: 'red or green' } });
  await writer.publish('pub-other', '1.0.0', { manifest: { description: 'blue' } });
  const queries = ['text=gadget', 'text=red%20blue', 'text=gadget%20blue'];
  const ask = () => Promise.all(queries.map((query) => find(anon, query).then(names)));
  const before = await ask();
  t.same(before[0], ['pub-gadgit'], 'a letter is wrong, and nothing fits better');
  t.same(before[1]?.sort(), ['pub-gadgit', 'pub-other'], 'each has one of the words');
  await writer.publish('gadget', '1.0.0', { manifest: { description: 'red and blue' } });
  t.same(await find(writer, 'text=gadget').then(names), ['gadget']);
  t.same(await find(writer, 'text=red%20blue').then(names), ['gadget']);
  const after = await ask();
  t.same(after[0], before[0]);
  t.same(after[1]?.sort(), before[1]);
  t.same(after[2], before[2]);
});

t.test('all of a long result is looked through for what the caller may see', async (t) => {
  const filling = await npmWorld(t);
  const { store } = filling.registry.getStorage();
  const rows = Array.from({ length: 12_000 }, (_, n) => {
    const name = n === 11_000 ? 'own-thing' : `thing-${n}`;
    const entry = { name, version: '1.0.0', rev: 1, date: '2026-01-01', keywords: [], links: {}, maintainers: [] };
    return [name, 1, entry];
  });
  await store.put('npm/catalog/base.json', Buffer.from(JSON.stringify(rows)));
  const auth = { anonymousScopes: ['npm:package:own-*:read'] };
  const { anon } = await npmWorld(t, { auth, storage: { objectStore: store } });
  // on a busy machine the index takes longer than a search waits for it
  while ((await find(anon, 'text=own')).total === 0) await new Promise((resolve) => setTimeout(resolve, 50));
  t.same(await find(anon, 'text=thing').then(names), ['own-thing']);
  t.same(await find(anon, 'text=').then(names), ['own-thing']);
});

t.test('the qualifiers that npm documents narrow a search and are no words', async (t) => {
  const { anon, writer } = await npmWorld(t);
  await writer.publish('stable', '1.0.0', { manifest: { keywords: ['a', 'b'] } });
  await writer.publish('young', '0.3.0', { manifest: { keywords: ['a'], description: 'not yet stable' } });
  await writer.publish('old', '2.0.0', { manifest: { keywords: ['b'] } });
  const old = await writer.packument('old');
  const { '2.0.0': version } = old.versions as Record<string, object>;
  await writer.put('/old', { ...old, versions: { '2.0.0': { ...version, deprecated: 'use stable' } } });
  const cases: [string, string[]][] = [
    ['keywords:a', ['stable', 'young']],
    ['keywords:a,-b', ['young']],
    ['keywords:-a', ['old']],
    ['is:unstable', ['young']],
    ['not:unstable', ['old', 'stable']],
    ['not:unstable,deprecated', ['stable']],
    ['is:deprecated', ['old']],
    ['is:insecure', []],
    ['not:insecure', ['old', 'stable', 'young']],
    ['stable is:unstable', ['young']],
    ['stable boost-exact:false', ['stable', 'young']],
    ['keywords:', ['old', 'stable', 'young']],
    ['🦄', []],
    ['!!! not:unstable', []],
  ];
  for (const [text, wanted] of cases) {
    const found = names(await find(anon, `text=${encodeURIComponent(text)}`));
    t.same(found.sort(), wanted, text);
  }
  t.equal(names(await find(anon, 'text=&size=')).length, 3, 'a size without a value is the default');
  const scores = async (text: string) => (await find(anon, `text=${text}`)).objects.map((hit) => hit.searchScore);
  t.ok((await scores('stable'))[1]! < (await scores('stable%20boost-exact:false'))[1]!);
});

t.test('a provider that decides name by name is asked a bounded number of questions', async (t) => {
  const filling = await npmWorld(t);
  const { store } = filling.registry.getStorage();
  const rows = Array.from({ length: 6000 }, (_, n) => {
    const name = `package-${n}`;
    const entry = { name, version: '1.0.0', rev: 1, date: '2026-01-01', keywords: [], links: {}, maintainers: [] };
    return [name, 1, entry];
  });
  await store.put('npm/catalog/base.json', Buffer.from(JSON.stringify(rows)));
  let questions = 0;
  const authProvider: IAuthProvider = {
    authenticate: async () => null,
    validateToken: async () => null,
    createToken: async () => 'x',
    revokeToken: async () => {},
    // the first question is whether a stranger may see anything at all
    authorize: async () => ++questions % 2 === 1,
  };
  const storage: { objectStore: IObjectStore } = { objectStore: store };
  const anon = new Actor(await startRegistry(t, { npm: { enabled: true }, storage, authProvider }));
  for (const query of ['text=&from=20001', 'text=&size=250']) {
    questions = 0;
    const { total } = await find(anon, query);
    t.ok(questions <= 5001, `${questions} questions`);
    t.ok(total >= 2400 && total <= 2500, `${total} hits`);
  }
});
