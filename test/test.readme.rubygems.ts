import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { run, top } from './support/program.js';
import { asInstalled, shellBlock, startSession } from './support/readme/session.js';
import { readmeBlocks } from './support/readme-blocks.js';
import { gemOf } from './support/rubygems/gems.js';
import { findTool } from './support/tools.js';

const blocks = readmeBlocks(await readFile(join(top, 'readme.md'), 'utf8'));

t.test('readme: the first gem, typed as a new user would; then an administrator', { timeout: 120_000 }, async (t) => {
  if (!findTool('gem') || !findTool('bundle')) {
    t.comment('skipped: gem and bundle are not installed (.ci/run installs them)');
    return t.pass('no Ruby', { skip: 'gem and bundle are not installed' });
  }
  const { home, data, env, type } = await startSession(t);
  // gems of the machine are none of a new user's
  Object.assign(env, { GEM_HOME: join(home, 'gems'), BUNDLE_SILENCE_ROOT_WARNING: '1' });
  // as the session with npm has left it
  await mkdir(join(home, 'first', 'app'), { recursive: true });
  const output = await type(shellBlock(blocks, 'gem push'));
  t.same(await readdir(join(home, 'first', 'app')), [], 'each session has folders of its own');
  t.notOk((await readdir(join(home, 'first', 'hello-gem'))).includes('Gemfile'), 'the gem is used in another folder');
  t.match(output, /^hello from a gem$/m);
  t.match(output, /^hello_gem \(1\.0\.0\)$/m);

  await mkdir(join(home, 'vendor', 'cache'), { recursive: true });
  const { filename, bytes } = gemOf('other', '0.9');
  await writeFile(join(home, 'vendor', 'cache', filename), bytes);
  const script = asInstalled(shellBlock(blocks, 'smartregistry rubygems yank'));
  const { stdout } = await run('bash', ['-euc', script.replaceAll('./data', data)], { env, cwd: home });
  t.match(stdout, /^hello_gem 1\.0\.0 is yanked\nhello_gem 1\.0\.0 is listed$/m);
  t.match(stdout, /^imported rubygems other 0\.9$/m);
});
