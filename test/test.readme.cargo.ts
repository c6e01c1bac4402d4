import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import t from 'tap';
import { top } from './support/program.js';
import { asInstalled, shellBlock, startSession } from './support/readme/session.js';
import { readmeBlocks } from './support/readme-blocks.js';
import { findTool } from './support/tools.js';

const blocks = readmeBlocks(await readFile(join(top, 'readme.md'), 'utf8'));

t.test('readme: the first crate, typed as a new user would', { timeout: 180_000 }, async (t) => {
  const cargo = findTool('cargo');
  if (!cargo) {
    t.comment('skipped: cargo is not installed (.ci/run installs it)');
    return t.pass('no cargo', { skip: 'cargo is not installed' });
  }
  const { home, data, env, type } = await startSession(t);
  Object.assign(env, {
    PATH: `${dirname(cargo.command[0])}:${env.PATH}`,
    CARGO_HOME: join(home, '.cargo'),
    CARGO_TERM_COLOR: 'never',
  });
  const output = await type(shellBlock(blocks, 'cargo publish'));
  t.match(output, /^hello-lib = "0\.1\.0"/m, 'what the search prints');
  t.ok((await stat(join(home, 'first/crates/app/target/debug/app'))).isFile(), 'the program was built');
  // cargo's cache has the crate that was just downloaded
  const importing = asInstalled(shellBlock(blocks, 'smartregistry import')).replace('./data', data);
  t.match(await type(importing), /^0 imported, 1 already there, 0 failed, \d+ skipped$/m);
  const configured = asInstalled(shellBlock(blocks, '--config import.json'));
  t.match(await type(configured), /^0 imported, 1 already there, 0 failed, \d+ skipped$/m);
});
