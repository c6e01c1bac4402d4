import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { oneLine, run, runHere, serve } from '../support/cli.js';
import { ask } from '../support/http/client.js';
import { temporaryFolder } from '../support/registry.js';

/** `${name}` as it stands in a configuration file */
const variable = (name: string) => `\${${name}}`;

/** The parts of a JSON Schema that are looked at here. */
interface INode {
  required?: string[];
  additionalProperties?: boolean;
  properties: Record<string, INode>;
  anyOf: { type?: string; pattern?: string }[];
}

const fileWith = async (folder: string, config: unknown): Promise<string> => {
  const file = join(folder, 'config.json');
  await writeFile(file, typeof config === 'string' ? config : JSON.stringify(config));
  return file;
};

t.test('config check: a good file', async (t) => {
  const cwd = await temporaryFolder(t);
  const config = {
    $schema: './schema.json',
    storage: { directory: 'store' },
    auth: { jwtSecret: variable('SECRET') },
    npm: { enabled: variable('NPM') },
    limits: { maxArtifactSize: variable('SIZE') },
    port: variable('PORT'),
    maven: { enabled: false },
  };
  const env = { SECRET: 'x', NPM: 'true', SIZE: '1000', PORT: '0' };
  const file = await fileWith(cwd, config);
  t.match(await runHere(t, ['config', 'check', file], env), {
    code: 0,
    err: '',
    out: `${file} is a valid configuration\n`,
  });
  t.same(await readdir(cwd), ['config.json'], 'no store was made');
});

t.test('config check lists everything that is wrong, and no secret', async (t) => {
  const cwd = await temporaryFolder(t);
  const file = await fileWith(cwd, {
    auth: { anonymousscopes: [], jwtSecret: variable('NOT_SET'), users: [{ username: 'a', password: 5 }] },
    nmp: { enabled: true },
    npm: { enabled: variable('ENABLED') },
    oci: { enabled: variable('ABSENT') },
    port: 70_000,
    storageHooks: {},
    storage: { bucketName: 'b', accessSecret: 'top-secret' },
  });
  const result = await run(['config', 'check', 'config.json'], { cwd, env: { ENABLED: 'perhaps' } });
  t.match(result, { code: 1, out: '' });
  t.same(result.err.trimEnd().split('\n').sort(), [
    'config.auth.anonymousscopes is unknown; did you mean anonymousScopes?',
    'config.auth.jwtSecret needs the environment variable NOT_SET, which is not set',
    'config.auth.users[0].password must be a non-empty string',
    'config.nmp is unknown; did you mean npm?',
    'config.npm.enabled must be true or false',
    'config.oci.enabled needs the environment variable ABSENT, which is not set',
    'config.port must be a number from 0 to 65535',
    'config.storage.accessKey is missing: give it with accessSecret, or neither for the credential chain',
    'config.storage.endpoint is missing: it must be a non-empty string',
    'config.storageHooks holds code: it can be set from a program only',
  ]);
  t.notMatch(result.err, /top-secret/);
  const served = await runHere(t, ['serve', '--config', file], { ENABLED: 'perhaps' });
  t.equal(served.code, 1);
  t.equal(served.err.trimEnd().split('\n').length, 10, 'serve lists the same');
});

t.test('config check: settings that are right one by one, and do not go together', async (t) => {
  const cwd = await temporaryFolder(t);
  const ann = { username: 'ann', password: 'x' };
  const cases: [object, RegExp][] = [
    [
      { npm: { enabled: true, basePath: '/oci' }, oci: { enabled: true } },
      /^config\.npm\.basePath "\/oci" is taken by oci$/,
    ],
    [{ auth: { users: [ann, ann] } }, /^config\.auth\.users\[1\]\.username "ann" is listed twice$/],
    [{ auth: { users: [{ ...ann, username: 'a:b' }] } }, /^config\.auth\.users\[0\]\.username is not a /],
  ];
  for (const [config, expected] of cases) {
    const file = await fileWith(cwd, config);
    const result = await runHere(t, ['config', 'check', file]);
    t.match(result, { code: 1, out: '' });
    t.match(result.err.trimEnd(), expected);
    const served = await runHere(t, ['serve', '--config', file]);
    t.match(served.err.trimEnd().replace('smartregistry: ', ''), expected, 'the same at the start');
  }
});

t.test('a scope that grants nothing is told of', async (t) => {
  const cwd = await temporaryFolder(t);
  const good = [
    '*:*:*:*',
    'npm:package:@team/*:*',
    'npm:*:x:write',
    '*:repository:a/b:pull',
    'maven:artifact:a:b:read',
    'cargo:crate:serde:write',
    'composer:package:vendor/*:read',
    'pypi:package:a-b:delete',
    'rubygems:gem:Rails:write',
  ];
  const typos = [
    'npm:package:*:raed',
    'npm:packages:*:read',
    'oci:repository:*:read',
    'nmp:package:*:read',
    'cargo:package:*:read',
    'composer:package:*:pull',
    'pypi:project:*:read',
    'rubygems:package:*:read',
    'maven:package:*:read',
  ];
  const file = await fileWith(cwd, {
    auth: {
      anonymousScopes: [...good, ...typos.slice(0, 2)],
      users: [{ username: 'a', password: 'x', scopes: typos.slice(2) }],
    },
  });
  const checked = await runHere(t, ['config', 'check', file]);
  t.match(checked, { code: 0, out: /is a valid configuration/ });
  t.same(
    checked.err.trimEnd().split('\n'),
    typos.map((scope) => {
      const npm = 'there is npm:package:NAME:read|write|delete';
      const oci = 'there is oci:repository:NAME:pull|push|delete';
      const cargo = 'there is cargo:crate:NAME:read|write|delete';
      const composer = 'there is composer:package:NAME:read|write|delete';
      const pypi = 'there is pypi:package:NAME:read|write|delete';
      const maven = 'there is maven:artifact:NAME:read|write|delete';
      const rubygems = 'there is rubygems:gem:NAME:read|write|delete';
      const all = 'protocols are oci, npm, maven, cargo, composer, pypi, rubygems';
      const instead = { npm, oci, maven, cargo, composer, pypi, rubygems }[scope.split(':')[0] as string] ?? all;
      return `smartregistry: warning: The scope "${scope}" grants nothing: ${instead}`;
    }),
  );
});

t.test('a scope whose name is not spelled as the protocol spells it grants nothing, and is told of', async (t) => {
  const cwd = await temporaryFolder(t);
  const good = [
    'npm:package:JSONStream:read',
    'cargo:crate:my_lib:read',
    'composer:package:a_b/c.d:read',
    'composer:package:acme*:read',
    'pypi:*:a-*:*',
  ];
  const crates = 'crates are in lower case';
  const packages = 'packages are VENDOR/PACKAGE, in lower case';
  const projects = 'projects are in lower case, with "-" instead of "_" and "."';
  const wrong = {
    'cargo:crate:My-Lib:write': crates,
    'composer:package:Acme/*:read': packages,
    'composer:package:lib:read': packages,
    'pypi:package:My-Pkg:write': projects,
    'pypi:package:my_*:write': projects,
    'pypi:package:lab.pkg:read': projects,
    'maven:artifact:org/example:lib:read': 'artifacts are GROUP:ARTIFACT, with dots in the group',
  };
  const file = await fileWith(cwd, { auth: { anonymousScopes: [...good, ...Object.keys(wrong)] } });
  const checked = await runHere(t, ['config', 'check', file]);
  t.equal(checked.code, 0);
  t.same(
    checked.err.trimEnd().split('\n'),
    Object.entries(wrong).map(
      ([scope, rule]) => `smartregistry: warning: The scope "${scope}" grants nothing: in scopes, the names of ${rule}`,
    ),
  );
});

t.test('config check: wrong usage, and a file that is none', async (t) => {
  const cwd = await temporaryFolder(t);
  const missing = await runHere(t, ['config', 'check']);
  t.equal(missing.code, 2);
  oneLine(t, missing, /FILE is missing/);
  const absent = await runHere(t, ['config', 'check', join(cwd, 'none.json')]);
  t.equal(absent.code, 1);
  oneLine(t, absent, /none\.json cannot be read: ENOENT/);
  const both = await runHere(t, ['config']);
  t.equal(both.code, 2);
  oneLine(t, both, /Which one: config check, config schema\?/);
});

t.test('config schema is a JSON Schema that is as strict as the check', async (t) => {
  const { code, out } = await runHere(t, ['config', 'schema']);
  t.equal(code, 0);
  const schema = JSON.parse(out) as INode;
  t.match(schema, { type: 'object', additionalProperties: false });
  t.match(Object.keys(schema.properties).sort(), [
    '$schema',
    'auth',
    'cargo',
    'composer',
    'cors',
    'host',
    'limits',
    'maven',
    'npm',
    'oci',
    'port',
    'pypi',
    'rubygems',
    'storage',
    'tls',
    'trustProxy',
  ]);
  const { npm, auth } = schema.properties as Record<'npm' | 'auth', INode>;
  t.same(npm.required, ['enabled']);
  t.equal(npm.additionalProperties, false);
  t.equal(npm.properties.features?.additionalProperties, false);
  t.equal(auth.additionalProperties, false);
  t.notOk(auth.required?.length, 'the command line has defaults for these');
  t.same(npm.properties.enabled?.anyOf[0], { type: 'boolean' });
  t.ok(new RegExp(npm.properties.enabled?.anyOf[1]?.pattern ?? 'none').test(variable('NPM')), 'or a variable');
});

t.test('a configuration file may begin with a byte order mark', async (t) => {
  const file = await fileWith(await temporaryFolder(t), `\ufeff${JSON.stringify({ npm: { enabled: true } })}`);
  t.match(await runHere(t, ['config', 'check', file]), { code: 0 });
});

t.test('host and port may stand in the file; the environment and the options go before it', async (t) => {
  const cwd = await temporaryFolder(t);
  await mkdir(join(cwd, 'etc'));
  await fileWith(join(cwd, 'etc'), { storage: { directory: 'store' }, host: 'localhost', port: 0 });
  const env = { SMARTREGISTRY_ADMIN_PASSWORD: 'given' };
  const byFile = await serve(t, ['--config', 'etc/config.json'], { cwd, env, port: null });
  t.match(byFile.url, /^http:\/\/localhost:\d+$/);
  t.not(byFile.port, 5000);
  t.equal((await ask(byFile.port, '/-/health')).status, 200);
  byFile.child.kill('SIGTERM');
  await byFile.closed;
  await fileWith(join(cwd, 'etc'), { storage: { directory: 'store' }, host: 'localhost', port: 65_432 });
  const byVariable = await serve(t, ['--config', 'etc/config.json'], {
    cwd,
    port: null,
    env: { ...env, SMARTREGISTRY_HOST: '127.0.0.1', SMARTREGISTRY_PORT: '0' },
  });
  t.match(byVariable.url, /^http:\/\/127\.0\.0\.1:\d+$/);
  t.not(byVariable.port, 65_432);
  byVariable.child.kill('SIGTERM');
  await byVariable.closed;
  const byOption = await serve(t, ['--config', 'etc/config.json', '--host', '127.0.0.1'], { cwd, env });
  t.match(byOption.url, /^http:\/\/127\.0\.0\.1:\d+$/);
  t.not(byOption.port, 65_432);
});

t.test('a file that names a protocol serves that one, and one that names none serves all', async (t) => {
  const cwd = await temporaryFolder(t);
  const env = { SMARTREGISTRY_ADMIN_PASSWORD: 'given' };
  await fileWith(cwd, { npm: { enabled: true } });
  const one = await serve(t, ['--config', 'config.json', '--host', '0.0.0.0'], { cwd, env });
  t.equal((await ask(one.port, '/v2/')).status, 404);
  t.equal((await ask(one.port, '/npm/-/ping')).status, 200);
  t.match(one.seen.out, `http://localhost:${one.port}/npm/`, 'no client can be sent to every address');
  await fileWith(cwd, { trustProxy: false });
  const all = await serve(t, ['--config', 'config.json'], { cwd, env });
  t.equal((await ask(all.port, '/v2/')).status, 401);
  t.equal((await ask(all.port, '/npm/-/ping')).status, 200);
});
