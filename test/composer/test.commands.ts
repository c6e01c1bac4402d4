import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { oneLine, run, runHere } from '../support/cli.js';
import { composerWorld } from '../support/composer/actors.js';
import { temporaryFolder } from '../support/registry.js';

t.test('an administrator keeps the filter lists from the command line', async (t) => {
  const cwd = await temporaryFolder(t);
  const { anon, writer } = await composerWorld(t, { storage: { directory: join(cwd, 'data') } });
  await writer.publish('acme/lib', '1.1.0');
  const says = async (args: string[], out: string) =>
    t.match(await run(['composer', 'filter', ...args], { cwd }), { code: 0, out });
  const filter = async () => (await anon.get('/p2/acme/lib.json')).json().filter;

  await says(
    ['add', 'acme/lib', '1.1.0', '--reason', 'It mines coins'],
    'acme/lib 1.1.0 is in the filter list malware\n',
  );
  t.same(await filter(), { malware: [{ constraint: '1.1.0', reason: 'It mines coins' }] });
  const config = {
    storage: { directory: './data' },
    auth: { tokenStore: 'bucket' },
    composer: { enabled: true, filterLists: ['malware', 'typo'] },
  };
  await writeFile(join(cwd, 'registry.json'), JSON.stringify(config));
  await says(
    ['add', 'Acme/Lib', '<1.0', '--list', 'typo', '--url', 'https://example.org', '--config', 'registry.json'],
    'acme/lib <1.0 is in the filter list typo\n',
  );
  await says(['list', 'acme/lib'], 'malware: 1.1.0  It mines coins\ntypo: <1.0  https://example.org\n');
  t.same((await anon.get('/filter.json')).json(), {
    filter: { malware: { 'acme/lib': '1.1.0' }, typo: { 'acme/lib': '<1.0' } },
  });
  const both = ['--reason', 'why', '--url', 'https://example.org/2'];
  await says(['add', 'acme/lib', '1.0.0', ...both], 'acme/lib 1.0.0 is in the filter list malware\n');
  await says(['remove', 'acme/lib', '1.1.0'], 'acme/lib 1.1.0 is no longer in the filter list malware\n');
  const rest = 'typo: <1.0  https://example.org\nmalware: 1.0.0  why  https://example.org/2\n';
  await says(['list', 'acme/lib'], rest);
  t.match(await run(['composer', 'filter', 'remove', 'acme/lib', '9.9'], { cwd }), { code: 1 });
  await says(['list', 'acme/lib'], rest);
  await says(['remove', 'acme/lib'], 'acme/lib is no longer in the filter list malware\n');
  await says(['remove', 'acme/lib', '--list', 'typo'], 'acme/lib is no longer in the filter list typo\n');
  t.equal(await filter(), undefined);
  await says(['list', 'acme/lib'], '');

  const wrong: [args: string[], message: RegExp][] = [
    [['add', 'acme/lib', 'not a version'], /not a version constraint/],
    [['add', 'acme/none', '*'], /acme\/none is not in this registry/],
    [['add', 'acme', '*'], /vendor\/package/],
    [['add', 'acme/lib', '*', '--list', 'advisories'], /reserves the name advisories/],
    [['add', 'acme/lib', '*', '--list', 'malwre'], /No client would read the filter list "malwre"/],
    [['remove', 'acme/lib'], /is not in this registry/],
    [['list', 'acme/none'], /acme\/none is not in this registry/],
  ];
  for (const [args, message] of wrong) {
    const result = await run(['composer', 'filter', ...args], { cwd });
    t.equal(result.code, 1, args.join(' '));
    oneLine(t, result, message);
  }
});

t.test('the help of the commands', async (t) => {
  const { out } = await runHere(t, ['composer', '--help']);
  for (const name of ['filter add PACKAGE CONSTRAINT', 'filter remove PACKAGE', 'filter list PACKAGE'])
    t.match(out, name);
});
