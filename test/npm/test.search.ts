import t from 'tap';
import { type Actor, npmWorld } from '../support/npm/actors.js';

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
