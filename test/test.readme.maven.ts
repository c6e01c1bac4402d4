import { cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { warmRepository } from './support/maven/ring/station.js';
import { run, top } from './support/program.js';
import { asInstalled, startSession } from './support/readme/session.js';
import { readmeBlocks } from './support/readme-blocks.js';
import { findTool } from './support/tools.js';

const blocks = readmeBlocks(await readFile(join(top, 'readme.md'), 'utf8'));
const shell = (name: string): string =>
  blocks.find((one) => one.language === 'sh' && one.name === name)?.code ?? 'false';

t.test('readme: a Java library, typed as a new user would; then an administrator', { timeout: 180_000 }, async (t) => {
  if (!findTool('mvn') || !findTool('maven-warm')) {
    return t.pass('no Maven', { skip: 'Maven is not installed (.ci/install-clients.sh installs it)' });
  }
  const { home, data, host, env, type } = await startSession(t);
  // Java finds the user's home by itself; Maven's own plugins are those that the installer has fetched
  env.MAVEN_OPTS = `-Duser.home=${home}`;
  await mkdir(join(home, '.m2'));
  await cp(warmRepository(), join(home, '.m2/repository'), { recursive: true });

  t.match(await type(shell('maven')), /<release>1\.0<\/release>/);
  t.match(await type(shell('maven-use')), /hello from our own repository$/m);

  const token = await type('node dist_ts/cli/bin.js token create --user admin --protocol maven');
  const local = join(home, 'local');
  await cp(join(home, '.m2/repository/com/example/hello'), join(local, 'com/example/hello'), { recursive: true });
  const script = asInstalled(shell('maven-admin'))
    .replaceAll('127.0.0.1:5000', host)
    .replace('~/.m2/repository', local)
    .replaceAll('./data', data);
  const { stdout } = await run('bash', ['-euc', `token=${token}\n${script}`], { env, cwd: home });
  t.match(stdout, /^0 imported, 2 already there, 0 failed/m);
  t.match(stdout, /"total":1,"artifacts":\[\{"groupId":"com\.example"/, 'the search');
  t.match(stdout, /"name":"hello-1\.0\.jar"/, 'the files of the artifact');
  t.match(stdout, /"deleted":"com\.example:hello:1\.0"/);
});
