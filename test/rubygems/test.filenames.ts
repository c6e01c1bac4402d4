import t from 'tap';
import { fileNameKey } from '../../ts/rubygems/keys.rubygems.js';
import { gemWorld } from '../support/rubygems/actors.js';
import { gemOf, type IGem } from '../support/rubygems/gems.js';
import { until } from '../support/waiting.js';

/** Two gems whose files have one name: `a-2-x86-darwin-9.gem`. */
const pairOf = (name: string): [IGem, IGem] => [
  gemOf(name, '2', { platform: 'x86-darwin-9' }),
  gemOf(`${name}-2-x86-darwin`, '9'),
];
const NAME_TAKEN = { status: 409, text: /^The file name .*\.gem is taken by a gem with another name\n$/ };

t.test('a file name stays with the gem whose push never ended, and that can be pushed again', async (t) => {
  const { registry, anon, writer } = await gemWorld(t);
  const [one, other] = pairOf('a');
  // what a process leaves that ends between the two writes
  await registry
    .getStorage()
    .update(fileNameKey('a-2-x86-darwin-9'), () => ({ gem: 'a', pushes: ['of a dead process'] }));
  t.match(await writer.push(other), NAME_TAKEN);
  t.equal((await anon.get('/info/a-2-x86-darwin')).status, 404);
  t.equal((await writer.push(one)).status, 200);
  t.same((await anon.get('/gems/a-2-x86-darwin-9.gem')).bytes, one.bytes);
  t.equal((await writer.push(one)).status, 200, 'a repetition');
  t.match(await writer.push(other), NAME_TAKEN);
});

t.test('a push that is refused frees the name of its file', async (t) => {
  let isRefusing = true;
  const beforePut = async () =>
    isRefusing ? { allowed: false, reason: 'the scanner found a worm' } : { allowed: true };
  const { registry, writer } = await gemWorld(t, { storageHooks: { beforePut } });
  const [one, other] = pairOf('a');
  const key = fileNameKey('a-2-x86-darwin-9');
  t.equal((await writer.push(one)).status, 403);
  t.equal(await registry.getStorage().read(key), null);
  isRefusing = false;
  t.equal((await writer.push(other)).status, 200, 'the other gem may have it');
  t.match(await writer.push(one), NAME_TAKEN);
  const held = (await registry.getStorage().read(key))?.value;
  t.match(held, { gem: 'a-2-x86-darwin' });
  t.equal((await writer.push(gemOf('a-2-x86-darwin', '9', { summary: 'other bytes' }))).status, 409);
  t.same((await registry.getStorage().read(key))?.value, held, 'a push that is refused lets go of nothing but its own');
});

t.test('a refused push does not free the name while another push of its gem is on its way', async (t) => {
  let letGo = (): void => {};
  const gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let asked = 0;
  let isOpen = false;
  const beforePut = async () => {
    if (++asked === 1) await gate;
    return isOpen ? { allowed: true } : { allowed: false, reason: 'the scanner is busy' };
  };
  const { writer } = await gemWorld(t, { storageHooks: { beforePut } });
  const [one, other] = pairOf('a');
  const first = writer.push(one);
  await until(() => asked === 1);
  t.equal((await writer.push(one)).status, 403);
  t.match(await writer.push(other), NAME_TAKEN, 'nothing is published under the name yet');
  isOpen = true;
  letGo();
  t.equal((await first).status, 200);
  t.match(await writer.push(other), NAME_TAKEN);
});

t.test('gems of a store in which nobody holds file names keep theirs', async (t) => {
  const { registry, writer } = await gemWorld(t);
  const [one, other] = pairOf('a');
  const key = fileNameKey('a-2-x86-darwin-9');
  t.equal((await writer.push(one)).status, 200);
  await registry.getStorage().update(key, () => null);
  t.match(await writer.push(other), NAME_TAKEN);
  t.equal(await registry.getStorage().read(key), null);
  await writer.yank('a', '2', 'x86-darwin-9');
  t.match(await writer.push(other), NAME_TAKEN, 'a yanked one as well');
  t.equal((await writer.unyank('a', '2', 'x86-darwin-9')).status, 200);
  t.equal((await writer.push(one)).status, 200);
});

t.test('a file name that only one gem can have is not recorded', async (t) => {
  const { writer, everything } = await gemWorld(t);
  for (const platform of ['ruby', 'java', 'x86_64-linux', 'x64-mingw-ucrt']) {
    t.equal((await writer.push(gemOf('demo-gem', '1.0', { platform }))).status, 200);
  }
  t.same(
    (await everything()).filter((key) => key.startsWith('rubygems/filenames/')),
    [],
  );
});
