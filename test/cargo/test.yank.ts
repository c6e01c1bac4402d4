import t from 'tap';
import { cargoWorld, details, publishes } from '../support/cargo/actors.js';
import { dependencyOf } from '../support/cargo/crates.js';

t.test('a yank changes nothing but `yanked`', async (t) => {
  const { anon, writer } = await cargoWorld(t);
  const metadata = { deps: [dependencyOf('x')], features: { a: ['dep:x'] }, new_field: 1, links: 'z' };
  await publishes(t, writer, 'fyk', '1.0.0', { metadata });
  await publishes(t, writer, 'fyk', '1.1.0');
  const before = (await anon.get('/3/f/fyk')).text;
  const yanked = await writer.yank('fyk', '1.0.0');
  t.equal(yanked.status, 200);
  t.same(yanked.json(), { ok: true });
  const after = (await anon.get('/3/f/fyk')).text;
  t.equal(after, before.replace('"yanked":false', '"yanked":true'), 'one line each, the newline at the end');
  t.same((await writer.yank('fyk', '1.0.0')).json(), { ok: true }, 'once more');
  t.equal((await anon.get('/3/f/fyk')).text, after);
  t.equal((await anon.download('fyk', '1.0.0')).status, 200, 'lock files name it');
  t.same((await writer.unyank('fyk', '1.0.0')).json(), { ok: true });
  t.equal((await anon.get('/3/f/fyk')).text, before);
  t.same((await writer.unyank('fyk', '1.0.0')).json(), { ok: true });
});

t.test('what is not there cannot be yanked', async (t) => {
  const { writer, stored } = await cargoWorld(t);
  await publishes(t, writer, 'foo-bar', '1.0.0');
  for (const [name, version, detail] of [
    ['foo-bar', '1.0.1', 'crate `foo-bar` does not have a version `1.0.1`'],
    ['foo-bar', '__proto__', 'crate `foo-bar` does not have a version `__proto__`'],
    ['foo_bar', '1.0.0', 'crate `foo_bar` does not exist'],
    ['nope', '1.0.0', 'crate `nope` does not exist'],
    ['constructor', '1.0.0', 'crate `constructor` does not exist'],
  ] as const) {
    for (const answer of [await writer.yank(name, version), await writer.unyank(name, version)]) {
      t.equal(answer.status, 404, `${name} ${version}`);
      t.same(details(answer), [detail]);
    }
  }
  t.equal((await stored()).length, 2);
});

t.test('a yanked version cannot be published again', async (t) => {
  const { writer } = await cargoWorld(t);
  await publishes(t, writer, 'fyk', '1.0.0');
  await writer.yank('fyk', '1.0.0');
  t.equal((await writer.publish('fyk', '1.0.0')).status, 409);
});

t.test('search shows the highest version that is not yanked', async (t) => {
  const { anon, writer } = await cargoWorld(t);
  const highest = async () => {
    const { crates } = (await anon.get('/api/v1/crates?q=fyk')).json() as { crates: { max_version: string }[] };
    return crates[0]?.max_version;
  };
  for (const version of ['1.0.0', '1.10.0', '1.9.0', '2.0.0-alpha']) await publishes(t, writer, 'fyk', version);
  t.equal(await highest(), '1.10.0');
  await writer.yank('fyk', '1.10.0');
  t.equal(await highest(), '1.9.0');
  for (const version of ['1.0.0', '1.9.0']) await writer.yank('fyk', version);
  t.equal(await highest(), '2.0.0-alpha', 'a pre-release if there is no other');
  await writer.yank('fyk', '2.0.0-alpha');
  t.equal(await highest(), '1.10.0', 'all are yanked');
});

t.test('hooks see the name of the crate, in whatever spelling it is yanked', async (t) => {
  const names: unknown[] = [];
  const { writer } = await cargoWorld(t, {
    storageHooks: {
      beforePut: async ({ metadata }) => {
        names.push(`${metadata?.packageName} ${metadata?.version}`);
        return { allowed: true };
      },
    },
  });
  await publishes(t, writer, 'Fyk', '1.0.0');
  names.length = 0;
  t.equal((await writer.yank('fYK', '1.0.0')).status, 200);
  t.ok(names.length > 0);
  t.same([...new Set(names)], ['Fyk 1.0.0']);
});

t.test('a yank that changes nothing writes nothing', async (t) => {
  const seen: string[] = [];
  const { writer } = await cargoWorld(t, { storageHooks: { afterPut: async ({ key }) => void seen.push(key) } });
  await publishes(t, writer, 'fyk', '1.0.0');
  seen.length = 0;
  await writer.unyank('fyk', '1.0.0');
  t.same(seen, []);
  await writer.yank('fyk', '1.0.0');
  t.same(seen, ['cargo/index/3/f/fyk']);
  await writer.yank('fyk', '1.0.0');
  t.equal(seen.length, 1);
});

t.test('search shows a crate once after a yank, in whatever spelling of its name', async (t) => {
  const { anon, writer } = await cargoWorld(t);
  for (const version of ['1.0.0', '2.0.0']) await publishes(t, writer, 'Foo_Bar', version);
  const found = async () => (await anon.get('/api/v1/crates?q=foo')).json() as { crates: object[] };
  for (const name of ['Foo_Bar', 'FOO_BAR']) {
    t.equal((await writer.yank(name, '2.0.0')).status, 200);
    t.match(await found(), { crates: [{ name: 'Foo_Bar', max_version: '1.0.0' }], meta: { total: 1 } });
    t.equal((await writer.unyank(name, '2.0.0')).status, 200);
    t.match(await found(), { crates: [{ name: 'Foo_Bar', max_version: '2.0.0' }], meta: { total: 1 } });
  }
});
