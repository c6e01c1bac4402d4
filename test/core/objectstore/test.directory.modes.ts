import { chmod, mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { SmartRegistry } from '../../../ts/index.js';
import { type ILogLine, logTo } from '../../support/auth.js';
import { temporaryFolder } from '../../support/registry.js';

/** What is below a folder, with its mode. */
const modesBelow = async (folder: string): Promise<[string, string][]> => {
  const entries = await readdir(folder, { recursive: true });
  const all = ['', ...entries].map(async (name): Promise<[string, string]> => {
    return [name, ((await stat(join(folder, name))).mode & 0o777).toString(8)];
  });
  return Promise.all(all);
};

/** A registry on `directory` that has written a secret, an image-sized object and a user; what it logged. */
const fill = async (directory: string): Promise<ILogLine[]> => {
  const lines: ILogLine[] = [];
  const registry = new SmartRegistry({
    storage: { directory },
    auth: { jwtSecret: 'a-secret-of-the-tests-long-enough', tokenStore: 'bucket' },
    logger: logTo(lines),
  });
  await registry.init();
  const storage = registry.getStorage();
  await storage.update('auth/secret.json', () => ({ jwtSecret: 'secret' }));
  await storage.update('auth/secret.json', () => ({ jwtSecret: 'another' }));
  await storage.store.put('a/large', new Uint8Array(300_000), {});
  await storage.store.put('a/once', new Uint8Array(3), { immutable: true });
  await registry.getAuthManager().users.create({ username: `user-${Date.now()}-${Math.random()}`, password: 'x' });
  await registry.destroy();
  return lines.filter(({ level }) => level === 'warn');
};

const skip = process.platform === 'win32' && 'Windows has no modes';

t.test('what the registry makes is its owner’s alone', { skip }, async (t) => {
  const parent = await temporaryFolder(t);
  const before = process.umask(0o022);
  t.teardown(() => process.umask(before));
  const directory = join(parent, 'data');
  t.same(await fill(directory), [], 'nothing to warn of');
  const modes = await modesBelow(directory);
  t.ok(modes.some(([name]) => name.includes('secret')));
  for (const [name, mode] of modes) t.match(mode, /^[67]00$/, name);
  t.same(await fill(directory), [], 'nor at a later start');
});

t.test('a directory that others may read stays as it is, with a warning', { skip }, async (t) => {
  const directory = join(await temporaryFolder(t), 'data');
  const before = process.umask(0);
  t.teardown(() => process.umask(before));
  for (const [mode, file] of [
    ['750', '640'],
    ['777', '666'],
  ] as const) {
    await mkdir(directory, { recursive: true });
    await chmod(directory, Number.parseInt(mode, 8));
    const warnings = await fill(directory);
    t.match(warnings, [{ message: /Other users of this machine/, fields: { directory, mode } }]);
    t.equal(warnings.length, 1, 'once');
    const secrets = (await modesBelow(directory)).filter(([name]) => /secret.*\/[^/]*$/.test(name));
    t.ok(secrets.length > 0);
    // whoever shares the directory with a group goes on sharing it
    t.ok(
      secrets.some(([, found]) => found === file),
      `${mode}: ${JSON.stringify(secrets)}`,
    );
    await chmod(directory, 0o700);
    t.same(await fill(directory), []);
  }
});
