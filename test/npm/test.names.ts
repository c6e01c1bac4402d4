import { readdir } from 'node:fs/promises';
import t from 'tap';
import { escaped, npmWorld, PASSWORD } from '../support/npm/actors.js';
import { bytesOf, publishOf } from '../support/npm/packages.js';
import { temporaryFolder } from '../support/registry.js';

/** Names of packages that others depend on, and that the rules for new packages would refuse. */
const OLD = [
  'punycode',
  'events',
  'buffer',
  'string_decoder',
  'util',
  'JSONStream',
  'Base64',
  '@Scope/Name',
  'a~b!(c)',
];

const strict = { npm: { enabled: true, features: { strictNames: true } } };

t.test('names that are valid for old packages can be published', async (t) => {
  const { anon, writer, admin } = await npmWorld(t);
  for (const name of OLD) {
    const path = `/${escaped(name)}`;
    const document = await publishOf(name, '1.0.0');
    t.equal((await writer.put(path, document)).status, 201, name);
    const { dist } = (await anon.packument(name)).versions['1.0.0']!;
    const file = await anon.get(dist.tarball.replace('http://npm.example.org/npm', ''));
    t.ok(file.bytes.equals(bytesOf(document)), `${name}: the tarball`);
    t.equal((await writer.put(`/-/package/${escaped(name)}/dist-tags/next`, '"1.0.0"')).status, 200);
    const found = (await anon.get(`/-/v1/search?text=${encodeURIComponent(name)}`)).text;
    t.match(found, `"name":"${name}"`, `${name}: search`);
    t.equal((await admin.delete(`${path}/-rev/${(await anon.packument(name))._rev}`)).status, 200);
    t.equal((await anon.get(path)).status, 404);
  }
});

t.test('names that differ in capitals only are two packages, also where the file system folds them', async (t) => {
  const directory = await temporaryFolder(t);
  const { anon, writer, admin } = await npmWorld(t, { storage: { directory } });
  const names = ['jsonstream', 'JSONStream', 'JsonStream', '@s/a', '@S/a', '@S/A'];
  for (const name of names) {
    const answer = await writer.publish(name, '1.0.0', { manifest: { description: `I am ${name}` } });
    t.equal(answer.status, 201, name);
  }
  const paths = (await readdir(directory, { recursive: true })).map(String);
  const folded = new Map<string, string>();
  for (const path of paths) {
    const lower = path.toLowerCase().normalize('NFKC');
    if (folded.has(lower)) t.fail(`${path} and ${folded.get(lower)} are one file where case does not count`);
    folded.set(lower, path);
  }
  t.ok(paths.length > 20);
  for (const name of names) {
    const { description } = (await anon.packument(name)).versions['1.0.0']!;
    t.equal(description, `I am ${name}`);
  }
  const found = (await anon.get('/-/v1/search?text=&size=100')).json().objects as { package: { name: string } }[];
  t.same(found.map((object) => object.package.name).sort(), [...names].sort());

  await admin.delete(`/JSONStream/-rev/${(await anon.packument('JSONStream'))._rev}`);
  t.equal((await anon.get('/JSONStream')).status, 404);
  t.equal((await anon.get('/jsonstream/-/jsonstream-1.0.0.tgz')).status, 200, 'the other one stays');
  t.equal((await anon.get('/jsonstream/-/JSONStream-1.0.0.tgz')).status, 404);
  t.equal((await anon.get('/JSONSTREAM')).status, 404, 'and no third one appears');
});

t.test('rights are those of the exact name', async (t) => {
  const { tokenOf } = await npmWorld(t);
  const actor = await tokenOf({ scopes: ['npm:package:jsonstream:*'] });
  t.equal((await actor.publish('jsonstream', '1.0.0')).status, 201);
  t.equal((await actor.publish('JSONStream', '1.0.0')).status, 403);
});

t.test('strictNames keeps the rules for new packages', async (t) => {
  const directory = await temporaryFolder(t);
  const before = await npmWorld(t, { storage: { directory } });
  t.equal((await before.writer.publish('events', '1.0.0')).status, 201);
  await before.registry.destroy();

  const { anon, writer, admin, everything } = await npmWorld(t, { ...strict, storage: { directory } });
  const stored = await everything();
  for (const name of OLD.filter((name) => name !== 'events')) {
    const answer = await writer.publish(name, '1.0.0');
    t.equal(answer.status, 400, name);
    t.match(answer.json(), { error: /^Invalid package name: / });
  }
  t.same(await everything(), stored, 'nothing is stored');
  t.equal((await writer.publish('plain', '1.0.0')).status, 201);

  t.equal((await anon.get('/events')).status, 200, 'a package that was there goes on');
  t.equal((await writer.publish('events', '1.1.0')).status, 201);
  const whole = await writer.packument('events');
  whole.versions['1.0.0']!.deprecated = 'old';
  t.equal((await writer.put('/events', whole)).status, 200);
  t.equal((await admin.delete(`/events/-rev/${(await anon.packument('events'))._rev}`)).status, 200);
});

t.test('a token can be limited to an old name, but not to one that reads as a glob', async (t) => {
  const { writer } = await npmWorld(t);
  const create = (packages: string[]) => writer.post('/-/npm/v1/tokens', { password: PASSWORD, packages });
  t.equal((await create(['JSONStream', 'buffer'])).status, 200);
  t.equal((await create(['JSON*'])).status, 400);
  t.equal((await writer.publish('a*', '1.0.0')).status, 201, 'though a package may be called so');
});
