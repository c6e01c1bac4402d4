import t from 'tap';
import { composerWorld } from '../support/composer/actors.js';
import { packageZip, sha1 } from '../support/composer/packages.js';
import { MANY_WRITES, twoProcesses } from '../support/lostanswers.js';

t.test('what was written has succeeded although its answer is lost, and nothing else has', async (t) => {
  const { one, two, loseNext, failNext } = await twoProcesses(
    t,
    composerWorld,
    'composer/packages/acme/lib/metadata.json',
  );
  const manyWrites = async () => {
    for (let count = 0; count < MANY_WRITES; count++) {
      const entry = { constraint: `0.${count}` };
      t.equal((await two.admin.put('/packages/acme/lib/filter/malware', entry)).status, 200);
    }
  };
  await one.writer.publish('acme/lib', '0.1.0');
  const zip = packageZip('acme/lib', '1.0.0');
  loseNext(manyWrites);
  t.equal((await one.writer.put('/packages/acme/lib', zip)).status, 201);
  t.ok((await two.anon.get(`/dists/acme/lib/${sha1(zip)}.zip`)).bytes.equals(zip));
  loseNext(manyWrites);
  t.equal((await one.admin.delete('/packages/acme/lib/1.0.0')).status, 200);
  t.equal((await two.anon.get(`/dists/acme/lib/${sha1(zip)}.zip`)).status, 404);

  const other = packageZip('acme/lib', '1.1.0', { description: 'other' });
  failNext(async () => {
    t.equal((await two.writer.put('/packages/acme/lib', other)).status, 201);
    await manyWrites();
  });
  t.ok((await one.writer.publish('acme/lib', '1.1.0')).status >= 400);
  t.ok((await two.anon.get(`/dists/acme/lib/${sha1(other)}.zip`)).bytes.equals(other));
  failNext(async () => {
    t.equal((await two.admin.delete('/packages/acme/lib/1.1.0')).status, 200);
    await manyWrites();
  });
  t.ok((await one.admin.delete('/packages/acme/lib/1.1.0')).status >= 400, 'somebody else has deleted it');
});
