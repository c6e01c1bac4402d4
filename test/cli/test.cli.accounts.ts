import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { availableProtocols, SmartRegistry, type TRegistryProtocol } from '../../ts/index.js';
import { oneLine, runHere } from '../support/cli.js';
import { temporaryFolder } from '../support/registry.js';

/** What `work` makes of the registry on this directory. */
const opened = async <T>(directory: string, work: (registry: SmartRegistry) => Promise<T>): Promise<T> => {
  const registry = new SmartRegistry({ storage: { directory }, auth: { jwtSecret: 'test', tokenStore: 'bucket' } });
  await registry.init();
  try {
    return await work(registry);
  } finally {
    await registry.destroy();
  }
};

t.test('an account without a word about scopes publishes, and deletes nothing', async (t) => {
  const directory = await temporaryFolder(t);
  // only `serve` makes a store
  await opened(directory, async () => {});
  const here = (args: string[]) =>
    runHere(t, args, { SMARTREGISTRY_DATA: directory, SMARTREGISTRY_PASSWORD: 'a password' });
  t.match(await here(['user', 'add', 'ann']), { code: 0 });
  t.match(await here(['user', 'add', 'root', '--admin']), { code: 0 });
  t.match(await here(['user', 'add', 'bob', '--scope', 'npm:package:b:read', '--scope', 'npm:package:b:write']), {
    code: 0,
  });
  const { out } = await here(['user', 'list']);
  t.match(out, /^ann +- +store +\*:\*:\*:read \*:\*:\*:pull \*:\*:\*:write \*:\*:\*:push$/m);
  t.match(out, /^root +- +store +\*:\*:\*:\*$/m);
  t.match(out, /^bob +- +store +npm:package:b:read npm:package:b:write$/m);
  await opened(directory, async (registry) => {
    const auth = registry.getAuthManager();
    const may = async (user: string, action: string) =>
      auth.authorize(await auth.validateToken(await auth.createNpmToken(user)), 'npm:package:a', action);
    t.same([await may('ann', 'write'), await may('ann', 'delete')], [true, false]);
    t.same([await may('root', 'write'), await may('root', 'delete')], [true, true]);
  });
});

t.test('token revoke: by so much of an id that it can mean one token only', async (t) => {
  const directory = await temporaryFolder(t);
  const here = (args: string[]) => runHere(t, args, { SMARTREGISTRY_DATA: directory });
  const ids = ['aaaaaaaa1', 'aaaaaaaa2', 'bbbbbbbb1'].map((start) => start.padEnd(64, '0'));
  const [, second = '', third = ''] = ids;
  await opened(directory, async (registry) => {
    await registry.getAuthManager().users.create({ username: 'ann', password: 'a password' });
    await registry.getAuthManager().createNpmToken('ann');
    const [{ id: real = '' } = {}] = await registry.getAuthManager().listTokens('ann');
    const storage = registry.getStorage();
    const record = (await storage.read<object>(`auth/tokens/${real}.json`))?.value;
    for (const id of ids) {
      await storage.update(`auth/tokens/${id}.json`, () => ({ ...record, hash: id }));
      await storage.update(`auth/user-tokens/ann/${id}.json`, () => ({ createdAt: '' }));
    }
  });
  const listed = async () =>
    (await here(['token', 'list'])).out.match(/^[0-9a-f]{64}/gm)?.filter((id) => ids.includes(id));
  t.same(await listed(), ids);
  const refused: [string, RegExp][] = [
    ['aaaaaaaa', /More than one token/],
    ['bbbbbbb', /There is no such token/],
    ['', /There is no such token/],
    [`${third}0`, /There is no such token/],
    ['........', /There is no such token/],
  ];
  for (const [given, message] of refused) {
    const answer = await here(['token', 'revoke', given]);
    t.equal(answer.code, 1, given);
    oneLine(t, answer, message);
    t.same(await listed(), ids, 'nothing is revoked');
  }
  t.match(await here(['token', 'revoke', 'bbbbbbbb']), { code: 0 });
  t.match(await here(['token', 'revoke', 'aaaaaaaa1']), { code: 0 });
  t.same(await listed(), [second]);
});

t.test('users are managed also where tokens live in the serving process only', async (t) => {
  const cwd = await temporaryFolder(t);
  const file = join(cwd, 'config.json');
  await writeFile(file, JSON.stringify({ storage: { directory: 'data' }, auth: { tokenStore: 'memory' } }));
  await opened(join(cwd, 'data'), async () => {});
  const here = (args: string[]) => runHere(t, [...args, '--config', file], { SMARTREGISTRY_PASSWORD: 'a password' });
  t.match(await here(['user', 'add', 'ann']), { code: 0 });
  t.match((await here(['user', 'list'])).out, /^ann /m);
  t.match(await here(['user', 'passwd', 'ann']), { code: 0 });
  t.match(await here(['user', 'remove', 'ann']), { code: 0 });
  t.equal((await here(['token', 'list'])).code, 1);
});

/** A right to read and one to write, of each protocol. */
const RIGHTS: Record<string, [resource: string, read: string, write: string]> = {
  npm: ['npm:package:@a/b', 'read', 'write'],
  oci: ['oci:repository:a/b', 'pull', 'push'],
  cargo: ['cargo:crate:a', 'read', 'write'],
  composer: ['composer:package:a/b', 'read', 'write'],
  pypi: ['pypi:package:a-b', 'read', 'write'],
  maven: ['maven:artifact:org.example:a', 'read', 'write'],
  rubygems: ['rubygems:gem:a', 'read', 'write'],
};
/** npm's tokens are UUIDs; the others tell what they are, so that scanners find them. */
const formOf = (protocol: TRegistryProtocol): RegExp =>
  protocol === 'npm' ? /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/ : new RegExp(`^srt_${protocol}_[0-9A-Za-z]{43}$`);

t.test('token create makes a token of every protocol that is served', async (t) => {
  const directory = await temporaryFolder(t);
  const here = (args: string[]) =>
    runHere(t, args, { SMARTREGISTRY_DATA: directory, SMARTREGISTRY_PASSWORD: 'a password' });
  await opened(directory, async () => {});
  await here(['user', 'add', 'ann', '--admin']);
  for (const protocol of availableProtocols()) {
    const [resource, read, write] = RIGHTS[protocol]!;
    const create = async (...more: string[]) => {
      const { code, out, err } = await here(['token', 'create', '--user', 'ann', '--protocol', protocol, ...more]);
      t.match({ code, err }, { code: 0, err: '' }, `${protocol} ${more.join(' ')}`);
      t.match(out.trimEnd(), formOf(protocol));
      return out.trimEnd();
    };
    const tokens = {
      full: await create('--name', `for ${protocol}`),
      readOnly: await create('--read-only', '--expires', '30d'),
      scoped: await create('--scope', `${resource}:${write}`),
      other: await create('--scope', `${resource}-2:*`),
    };
    const may = (token: string) =>
      opened(directory, async (registry) => {
        const auth = registry.getAuthManager();
        const caller = await auth.validateToken(token, protocol);
        const elsewhere = protocol === 'npm' ? 'oci' : 'npm';
        t.equal(await auth.validateToken(token, elsewhere), null, `${protocol}: a token of no other protocol`);
        return caller && [await auth.authorize(caller, resource, read), await auth.authorize(caller, resource, write)];
      });
    t.same(await may(tokens.full), [true, true], `${protocol}: all that the user may`);
    t.same(await may(tokens.readOnly), [true, false], `${protocol}: read only`);
    t.same(await may(tokens.scoped), [true, true], `${protocol}: read for everybody, and what the scope says`);
    t.same(await may(tokens.other), [true, false], `${protocol}: of another package`);
    const listed = (await here(['token', 'list', '--user', 'ann'])).out;
    t.match(listed, new RegExp(`ann +${protocol} +\\S+… +full +never +for ${protocol} +${protocol}:\\*:\\*:\\*$`, 'm'));
    t.match(listed, new RegExp(`ann +${protocol} +\\S+… +read-only +20\\d\\d-`, 'm'));
    t.match(await here(['token', 'revoke', tokens.full]), { code: 0, out: 'revoked\n' });
    t.equal(await may(tokens.full), null, `${protocol}: revoked`);
  }
  const stray = await here(['token', 'create', '--user', 'ann', '--protocol', 'npm', '--scope', 'cargo:crate:a:read']);
  t.equal(stray.code, 1);
  oneLine(t, stray, /has no effect in a token for npm/);
  const unknown = await here(['token', 'create', '--user', 'ann', '--protocol', 'ftp']);
  t.equal(unknown.code, 2);
  oneLine(t, unknown, /--protocol must be one of/);
});
