import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import t from 'tap';
import { relativePath } from '../../ts/core/objectstore/directory/files/helpers.names.js';
import { SmartRegistry } from '../../ts/index.js';
import { basic, oneLine, run, runHere } from '../support/cli.js';
import { Actor } from '../support/oci/actors.js';
import { image } from '../support/oci/samples.js';
import { temporaryFolder } from '../support/registry.js';

const USER = { username: 'ann', password: 'correct horse battery', scopes: ['*:*:*:*'] };

/** A store with one image in it that was deleted. */
const prepare = async (directory: string): Promise<number> => {
  const registry = new SmartRegistry({
    storage: { directory },
    auth: { jwtSecret: 'a-secret-of-the-tests', tokenStore: 'bucket', users: [USER] },
    logger: false,
    oci: { enabled: true },
  });
  await registry.init();
  const actor = new Actor(registry, basic(USER.username, USER.password).Authorization);
  const pushed = image('one');
  await actor.pushImage('a', 'v1', pushed);
  await actor.delete(`/a/manifests/${pushed.digest}`);
  await registry.destroy();
  return [pushed.config, ...pushed.layers].reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
};

t.test('gc: a dry run, the grace period, and what it says on a pipe', async (t) => {
  const cwd = await temporaryFolder(t);
  const data = join(cwd, 'data');
  const bytes = await prepare(data);
  const gc = (...args: string[]) => runHere(t, ['gc', ...args], { SMARTREGISTRY_DATA: data });
  const young = await gc();
  t.match(young, { code: 0, out: /^oci: removed 0 manifests, 0 links, 0 blobs, 0 B$/m });
  t.match(young.out, /^npm: removed 0 tarballs, 0 B$/m);
  const grace = await gc('--grace', '60s');
  t.match(grace.out, /^oci: removed 0 manifests, 0 links, 0 blobs, 0 B$/m, 'what is younger than a minute stays');
  const dry = await gc('--dry-run', '--grace', '0');
  t.match(dry, { code: 0, out: new RegExp(`^oci: would remove 0 manifests, 2 links, 2 blobs, ${bytes} B$`, 'm') });
  t.match(dry.err, /^oci: links 2\noci: blobs 2\n/m, 'a line for each phase');
  t.notMatch(dry.err, /\r/, 'nothing is written over on a pipe');
  t.match(await gc('--grace', '0'), {
    out: new RegExp(`^oci: removed 0 manifests, 2 links, 2 blobs, ${bytes} B$`, 'm'),
  });
  t.match(await gc('--grace', '0'), { out: /^oci: removed 0 manifests, 0 links, 0 blobs, 0 B$/m });
});

t.test('gc: what the store cannot read is said in one line, and not taken for a signal', async (t) => {
  const cwd = await temporaryFolder(t);
  const data = join(cwd, 'data');
  await prepare(data);
  const path = join(data, 'objects', relativePath(`oci/manifests/a/sha256:${'0'.repeat(64)}`));
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, 'this is no object');
  const broken = await runHere(t, ['gc'], { SMARTREGISTRY_DATA: data });
  t.equal(broken.code, 1);
  t.match(broken.err, /A stored object is damaged/);
  t.notMatch(broken.err, /signal|undefined/);
});

t.test('gc: wrong usage, and a process of its own', async (t) => {
  const cwd = await temporaryFolder(t);
  const wrong = await runHere(t, ['gc', '--grace', 'soon'], { SMARTREGISTRY_DATA: join(cwd, 'data') });
  t.equal(wrong.code, 2);
  oneLine(t, wrong, /--grace must be/);
  t.match(await runHere(t, ['gc', '--help']), { code: 0, out: /--dry-run/ });
  await prepare(join(cwd, 'data'));
  const ran = await run(['gc'], { cwd });
  t.match(ran, { code: 0, out: /^oci: removed/m });
});
