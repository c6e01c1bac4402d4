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
  await says(['remove', 'acme/lib', '1.1.0'], 'acme/lib 1.1.0 is no longer in the filter list malware\n');
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

t.test('an entry is removed by its constraint, or all of a list', async (t) => {
  const { registry, writer, anon } = await composerWorld(t, {
    composer: { enabled: true, filterLists: ['malware', 'typo'] },
  });
  await writer.publish('acme/lib', '1.0.0');
  const says = async (name: string, operands: (string | undefined)[], options: Record<string, string> = {}) => {
    const lines: string[] = [];
    const input = { operands: ['Acme/Lib', ...operands], options, print: (line: string) => void lines.push(line) };
    await registry.getRegistry('composer')?.runCommand(name, input);
    return lines.join('\n');
  };
  const about = { reason: 'why', url: 'https://example.org/1' };
  await says('filter add', ['1.0.0'], about);
  await says('filter add', ['2.0.0']);
  await says('filter add', ['*'], { list: 'typo' });
  t.same((await anon.get('/p2/acme/lib.json')).json().filter, {
    malware: [{ constraint: '1.0.0', ...about }, { constraint: '2.0.0' }],
    typo: [{ constraint: '*' }],
  });
  t.equal(await says('filter remove', ['2.0.0']), 'acme/lib 2.0.0 is no longer in the filter list malware');
  t.equal(await says('filter list', []), 'malware: 1.0.0  why  https://example.org/1\ntypo: *');
  await t.rejects(says('filter remove', ['2.0.0']), { kind: 'notFound' } as never);
  t.equal(await says('filter remove', [undefined]), 'acme/lib is no longer in the filter list malware');
  t.equal(await says('filter list', []), 'typo: *');
  await t.rejects(says('filter forget', []), { message: 'composer has no command "filter forget"' } as never);
  t.equal((await registry.getRegistry('composer')!.listings()[0]!.rebuild()) > 0, true);
  t.same((await anon.get('/filter.json')).json(), { filter: { typo: { 'acme/lib': '*' } } });
});
