import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { packageZip } from './support/composer/packages.js';
import { run, top } from './support/program.js';
import { asInstalled, startSession } from './support/readme/session.js';
import { readmeBlocks } from './support/readme-blocks.js';
import { findTool } from './support/tools.js';

const blocks = readmeBlocks(await readFile(join(top, 'readme.md'), 'utf8'));
const shell = (name: string): string =>
  blocks.find((one) => one.language === 'sh' && one.name === name)?.code ?? 'false';

t.test('readme: a PHP package, typed as a new user would; then an administrator', { timeout: 120_000 }, async (t) => {
  if (!findTool('composer')) {
    return t.pass('no composer', { skip: 'composer is not installed (.ci/install-clients.sh installs it)' });
  }
  const { home, data, env, type } = await startSession(t);
  Object.assign(env, { COMPOSER_ALLOW_SUPERUSER: '1', COMPOSER_HOME: join(home, 'composer') });
  t.match(await type(shell('composer')), /hello from our own registry\n/);

  const zips = join(home, 'zips');
  await mkdir(zips);
  await writeFile(join(zips, 'acme-other-1.2.0.zip'), packageZip('acme/other'));
  const script = asInstalled(shell('composer-admin')).replaceAll('./data', data).replaceAll('./zips', zips);
  const { stdout } = await run('bash', ['-euc', script], { env, cwd: home });
  t.match(stdout, /^acme\/hello 1\.0\.0 is in the filter list malware$/m);
  t.match(stdout, /^malware: 1\.0\.0 {2}It mines coins$/m);
  t.match(stdout, /^acme\/hello 1\.0\.0 is no longer in the filter list malware$/m);
  t.match(stdout, /^imported composer acme\/other 1\.2\.0$/m);
});
