import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { oneLine, run, runHere } from '../support/cli.js';
import { pypiWorld } from '../support/pypi/actors.js';
import { sdist, wheel } from '../support/pypi/distributions.js';
import { temporaryFolder } from '../support/registry.js';

t.test('a protocol lists its commands, and explains each of them', async (t) => {
  const list = await runHere(t, ['pypi', '--help']);
  t.match(list, { code: 0, out: /^Usage: smartregistry pypi COMMAND/ });
  for (const name of ['yank', 'unyank', 'delete', 'status']) t.match(list.out, new RegExp(`^  ${name} PROJECT`, 'm'));
  t.match((await runHere(t, ['help', 'pypi'])).out, list.out);
  const one = await runHere(t, ['pypi', 'yank', '--help']);
  t.match(one, { code: 0, out: /^Usage: smartregistry pypi yank PROJECT \[VERSION\] \[options\]/ });
  t.match(one.out, /^ {2}--reason TEXT .*clients print it$/m);
  t.match(one.out, /^ {2}--data DIRECTORY/m);
  t.match((await runHere(t, ['--help'])).out, /PROTOCOL COMMAND/);
});

t.test('wrong usage is one line and opens no store', async (t) => {
  const wrong: [args: string[], message: RegExp][] = [
    [['pypi'], /Which command of pypi: yank, unyank, delete, status\?/],
    [['pypi', 'forget'], /Which command of pypi/],
    [['pypi', 'yank'], /PROJECT is missing/],
    [['pypi', 'yank', 'a', '1', '2'], /"2" is one argument too many/],
    [['pypi', 'yank', 'a', '1', '--because', 'x'], /--because/],
    [['npm', 'yank'], /npm has no commands of its own/],
  ];
  for (const [args, message] of wrong) {
    const result = await runHere(t, args);
    t.equal(result.code, 2, args.join(' '));
    oneLine(t, result, message);
  }
});

t.test('a protocol that the configuration does not enable has no commands', async (t) => {
  const cwd = await temporaryFolder(t);
  await pypiWorld(t, { storage: { directory: join(cwd, 'data') } });
  await writeFile(join(cwd, 'config.json'), JSON.stringify({ npm: { enabled: true }, storage: { directory: 'data' } }));
  const result = await runHere(t, ['pypi', 'yank', 'demo', '1.0', '--config', join(cwd, 'config.json')]);
  t.equal(result.code, 1);
  oneLine(t, result, /^smartregistry: pypi is not enabled in this configuration$/m);
});

t.test('the commands of pypi change a store beside a running registry', async (t) => {
  const cwd = await temporaryFolder(t);
  const { writer, stored } = await pypiWorld(t, { storage: { directory: join(cwd, 'data') } });
  await writer.upload(wheel('Demo', '1.0'));
  await writer.upload(await sdist('Demo', '1.0'));
  await writer.upload(wheel('Demo', '2.0'));
  const says = async (args: string[], out: string) => t.match(await run(['pypi', ...args], { cwd }), { code: 0, out });
  const yanked = async () => (await writer.page('demo')).files.map((file) => file.yanked);

  await says(['yank', 'Demo', '1.0', '--reason', 'broken'], 'demo 1.0 is yanked\n');
  t.same(await yanked(), ['broken', 'broken', false]);
  await says(['unyank', 'demo', '--file', 'demo-1.0.tar.gz'], 'demo-1.0.tar.gz is not yanked\n');
  t.same(await yanked(), ['broken', false, false]);

  await says(['status', 'demo'], 'demo is active\n');
  await says(['status', 'demo', 'quarantined', '--reason', 'malware'], 'demo is quarantined: malware\n');
  t.match(await writer.page('demo'), { 'project-status': { status: 'quarantined', reason: 'malware' } });
  await says(['status', 'demo', 'active'], 'demo is active\n');

  await says(['delete', 'demo', '--file', 'demo-1.0.tar.gz'], 'demo-1.0.tar.gz is deleted\n');
  await says(['delete', 'demo', '2.0'], 'demo 2.0 is deleted\n');
  t.same((await writer.page('demo')).versions, ['1.0']);
  await says(['delete', 'demo', '--all'], 'demo is deleted\n');
  t.same(await stored(), ['pypi/metadata/demo/metadata.json']);
  t.notMatch((await writer.get('/simple/')).text, /demo/, 'and it is not listed any more');

  const wrong: [args: string[], message: RegExp][] = [
    [['yank', 'demo'], /Give a VERSION, or a file with --file/],
    [['yank', 'demo', '1.0', '--file', 'x'], /not both/],
    [['delete', 'demo'], /Give a VERSION, --file, or --all/],
    [['status', 'demo'], /demo is not in this registry/],
    [['status', '__proto__'], /no such project/],
  ];
  for (const [args, message] of wrong) {
    const result = await run(['pypi', ...args], { cwd });
    t.equal(result.code, 1, args.join(' '));
    oneLine(t, result, message);
  }
});
