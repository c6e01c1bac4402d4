import t from 'tap';
import { pypiWorld } from '../support/pypi/actors.js';
import { sdist, wheel } from '../support/pypi/distributions.js';

const FILE = 'demo-1.0-py3-none-any.whl';

t.test('the commands of an administrator', async (t) => {
  const { registry, writer } = await pypiWorld(t);
  for (const file of [wheel('Demo', '1.0'), await sdist('Demo', '1.0'), wheel('Demo', '2.0')])
    await writer.upload(file);
  const says = async (name: string, operands: (string | undefined)[], options: Record<string, string | true> = {}) => {
    const lines: string[] = [];
    const input = { operands: ['DEMO', ...operands], options, print: (line: string) => void lines.push(line) };
    await registry.getRegistry('pypi')?.runCommand(name, input);
    return lines.join('\n');
  };
  const yanked = async () => (await writer.page('demo')).files.map((file) => file.yanked);
  t.equal(await says('yank', ['v1.0.0'], { reason: 'x' }), 'demo v1.0.0 is yanked');
  t.same(await yanked(), ['x', 'x', false]);
  t.equal(await says('unyank', ['1.0']), 'demo 1.0 is not yanked');
  t.same(await yanked(), [false, false, false]);
  t.equal(await says('yank', [], { file: 'demo-1.0.tar.gz' }), 'demo-1.0.tar.gz is yanked');
  t.same(await yanked(), [false, true, false], 'without a reason');
  t.equal(await says('unyank', [undefined], { file: 'demo-1.0.tar.gz' }), 'demo-1.0.tar.gz is not yanked');
  t.equal(await says('status', ['archived']), 'demo is archived');
  t.equal(await says('status', ['quarantined'], { reason: 'x' }), 'demo is quarantined: x');
  t.equal(await says('status', []), 'demo is quarantined: x');
  t.equal(await says('status', ['active']), 'demo is active');
  const wrong: [name: string, operands: string[], options: Record<string, string>, message: RegExp][] = [
    ['yank', [], {}, /^Give a VERSION, or a file with --file$/],
    ['unyank', [], {}, /^Give a VERSION, or a file with --file$/],
    ['delete', [], {}, /^Give a VERSION, --file, or --all$/],
    ['delete', ['1.0'], { file: FILE }, /^Give a VERSION or --file, not both$/],
    ['status', ['gone'], {}, /^The status is one of/],
    ['yank', ['9'], {}, /^The project demo has no version 9$/],
    ['unyank', ['9'], {}, /^The project demo has no version 9$/],
    ['delete', [], { file: 'x' }, /^The project demo has no file x$/],
    ['forget', [], {}, /^pypi has no command "forget"$/],
  ];
  for (const [name, operands, options, message] of wrong) {
    await t.rejects(says(name, operands, options), { message } as never);
  }
  t.equal(await says('delete', ['2.0']), 'demo 2.0 is deleted');
  t.equal(await says('delete', [], { file: FILE }), `${FILE} is deleted`);
  t.same(
    (await writer.page('demo')).files.map(({ filename }) => filename),
    ['demo-1.0.tar.gz'],
  );
  t.equal(await says('delete', [], { all: true }), 'demo is deleted');
  t.equal((await writer.get('/simple/demo/')).status, 404);
});
