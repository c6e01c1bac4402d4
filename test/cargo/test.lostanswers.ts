import t from 'tap';
import { cargoWorld, publishes } from '../support/cargo/actors.js';
import { crateFile } from '../support/cargo/crates.js';
import { MANY_WRITES, twoProcesses } from '../support/lostanswers.js';

t.test('a publish whose answer is lost succeeded, and one that did not happen claims no other', async (t) => {
  const { one, two, loseNext, failNext } = await twoProcesses(t, cargoWorld, 'cargo/index/3/f/fyk');
  await publishes(t, one.writer, 'fyk', '0.1.0');
  const manyWrites = async () => {
    for (let count = 0; count < MANY_WRITES; count++) {
      const { status } = await (count % 2 === 0 ? two.writer.yank('fyk', '0.1.0') : two.writer.unyank('fyk', '0.1.0'));
      t.equal(status, 200);
    }
  };
  loseNext(manyWrites);
  const crate = await crateFile('fyk', '1.0.0');
  await publishes(t, one.writer, 'fyk', '1.0.0', { crate });
  t.same((await two.anon.download('fyk', '1.0.0')).bytes, crate);
  const other = await crateFile('fyk', '1.1.0', { files: { other: 'bytes' } });
  failNext(async () => {
    await publishes(t, two.writer, 'fyk', '1.1.0', { crate: other });
    await manyWrites();
  });
  t.not((await one.writer.publish('fyk', '1.1.0')).status, 200);
  t.same((await two.anon.download('fyk', '1.1.0')).bytes, other);
});
