import t from 'tap';
import { cargoWorld, publishes } from '../support/cargo/actors.js';
import { countParses } from '../support/turns.js';

t.test('a process that writes a crate does not parse its document, whatever it does to it', async (t) => {
  const { writer } = await cargoWorld(t);
  await publishes(t, writer, 'many', '1.0.0', { metadata: { features: { a: [] }, new_field: { x: 1 } } });
  const parses = await countParses('"writeId"', async () => {
    for (const version of ['1.1.0', '1.2.0']) {
      await publishes(t, writer, 'many', version);
      t.equal((await writer.get('/ma/ny/many')).status, 200);
    }
    t.equal((await writer.yank('many', '1.0.0')).status, 200);
    t.equal((await writer.unyank('many', '1.0.0')).status, 200);
    t.equal((await writer.download('many', '1.0.0')).status, 200);
  });
  t.equal(parses, 0);
});

t.test('after a publish one line is rendered, however many versions there are', async (t) => {
  const { writer, anon } = await cargoWorld(t);
  for (let minor = 0; minor < 10; minor++) await publishes(t, writer, 'many', `1.${minor}.0`);
  await anon.get('/ma/ny/many');
  await publishes(t, writer, 'many', '2.0.0');
  const { stringify } = JSON;
  let lines = 0;
  JSON.stringify = ((value: { cksum?: string }, ...rest: []) => {
    if (value?.cksum !== undefined) lines++;
    return stringify(value, ...rest);
  }) as typeof JSON.stringify;
  try {
    t.equal((await anon.index('/ma/ny/many')).length, 11);
  } finally {
    JSON.stringify = stringify;
  }
  t.equal(lines, 1);
});
