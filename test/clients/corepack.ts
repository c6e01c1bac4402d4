import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { ClientHome } from '../support/client/home.js';
import { publishByHand } from '../support/client/packages.js';
import { RegistryProbe } from '../support/client/probe.js';
import { run } from '../support/client/run.js';
import { startServer } from '../support/client/server.js';

const corepack = [join(dirname(process.execPath), 'corepack'), '/usr/bin/corepack'].find(existsSync);

t.test('corepack takes a package manager from here if the registry has signed it', async (t) => {
  if (corepack === undefined) {
    t.pass('not run', { skip: 'corepack is not installed' });
    return;
  }
  const home = await ClientHome.create('corepack');
  t.teardown(() => home.remove());
  const server = await startServer();
  t.teardown(() => server.stop());
  const files = { 'bin/pnpm.cjs': 'console.log("the pnpm of this registry");' };
  const about = { name: 'pnpm', version: '9.9.9', files: { ...files, 'bin/pnpx.cjs': '' } };
  await publishByHand({ registry: server.registry, token: await server.token() }, about);
  const { keys } = (await new RegistryProbe(server.registry).get('-/npm/v1/keys')).json as { keys: object[] };
  const cwd = await home.project('project', { 'package.json': { packageManager: 'pnpm@9.9.9' } });
  const pnpm = (trusted: object[]) =>
    run([corepack, 'pnpm', '--version'], {
      cwd,
      env: {
        ...home.env,
        COREPACK_HOME: home.path('corepack'),
        COREPACK_ENABLE_DOWNLOAD_PROMPT: '0',
        COREPACK_NPM_REGISTRY: server.registry.replace(/\/$/, ''),
        COREPACK_INTEGRITY_KEYS: JSON.stringify({ npm: trusted }),
      },
    });
  const [key] = keys as { keyid: string }[];
  const refused = await pnpm([{ ...key, keyid: 'SHA256:another' }]);
  t.not(refused.code, 0);
  t.match(refused.output, /not signed by any trusted keys/);
  const taken = await pnpm(keys);
  t.equal(taken.code, 0, taken.output);
  t.match(taken.stdout, 'the pnpm of this registry');
});
