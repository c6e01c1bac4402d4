import t from 'tap';
import { MANY_WRITES, twoProcesses } from '../support/lostanswers.js';
import { pypiWorld } from '../support/pypi/actors.js';
import { wheel } from '../support/pypi/distributions.js';

t.test('what was written has succeeded although its answer is lost, and nothing else has', async (t) => {
  const { one, two, loseNext, failNext } = await twoProcesses(t, pypiWorld, 'pypi/metadata/demo/metadata.json');
  const manyWrites = async () => {
    for (let count = 0; count < MANY_WRITES; count++) {
      const path = `/pypi/demo/0.1/${count % 2 === 0 ? 'yank' : 'unyank'}`;
      t.equal((await two.writer.json('POST', path)).status, 200);
    }
  };
  await one.writer.upload(wheel('demo', '0.1'));
  const file = wheel('demo', '1.0');
  const path = `/pypi/packages/demo/${file.filename}`;
  loseNext(manyWrites);
  t.equal((await one.writer.upload(file)).status, 200);
  t.ok((await two.anon.get(path)).bytes.equals(file.bytes));
  loseNext(manyWrites);
  t.equal((await one.admin.send('DELETE', '/pypi/demo/1.0')).status, 200);
  t.equal((await two.anon.get(path)).status, 404);

  const other = wheel('demo', '1.1', { description: 'other' });
  failNext(async () => {
    t.equal((await two.writer.upload(other)).status, 200);
    await manyWrites();
  });
  t.ok((await one.writer.upload(wheel('demo', '1.1'))).status >= 400);
  t.ok((await two.anon.get(`/pypi/packages/demo/${other.filename}`)).bytes.equals(other.bytes));
  failNext(async () => {
    t.equal((await two.admin.send('DELETE', '/pypi/demo/1.1')).status, 200);
    await manyWrites();
  });
  t.ok((await one.admin.send('DELETE', '/pypi/demo/1.1')).status >= 400, 'somebody else has deleted it');
});
