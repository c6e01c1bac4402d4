import t from 'tap';
import type { INpmDocument } from '../../ts/npm/interfaces.npm.js';
import { documentKey } from '../../ts/npm/keys.npm.js';
import { npmWorld } from '../support/npm/actors.js';
import { publishOf } from '../support/npm/packages.js';
import { countParses } from '../support/turns.js';

t.test('a process that writes a package does not parse its packument, whatever it does to it', async (t) => {
  const { writer, admin } = await npmWorld(t);
  const readme = { 'package/README.md': '# Many' };
  t.equal((await writer.publish('many', '1.0.0', { files: readme })).status, 201);
  const parses = await countParses('"_registry"', async () => {
    for (const version of ['1.1.0', '1.2.0', '1.3.0']) {
      t.equal((await writer.publish('many', version, { files: version === '1.2.0' ? readme : {} })).status, 201);
      t.equal((await writer.get('/many')).status, 200);
    }
    const ofYarn = { ...(await publishOf('many', '1.4.0')), readme: 'Without a file name' };
    t.equal((await writer.put('/many', ofYarn)).status, 201);
    t.equal((await writer.put('/-/package/many/dist-tags/next', '"1.0.0"')).status, 200);
    t.equal((await writer.put('/many', { versions: { '1.0.0': { deprecated: 'old' } } })).status, 200);
    t.equal((await writer.put('/many', { versions: { '1.0.0': { deprecated: '' } } })).status, 200);
    t.equal((await writer.delete('/-/package/many/dist-tags/next')).status, 200);
    const whole = await admin.packument('many');
    const { '1.2.0': _gone, ...versions } = whole.versions;
    const changed = { ...whole, versions, 'dist-tags': { latest: '1.3.0' } };
    t.equal((await admin.put(`/many/-rev/${whole._rev}`, changed)).status, 200);
    t.equal((await writer.publish('many', '2.0.0')).status, 201);
    const { _rev } = await admin.packument('many');
    t.equal((await admin.delete(`/many/-rev/${_rev}`)).status, 200);
    t.equal((await writer.publish('many', '3.0.0')).status, 201);
    t.equal((await writer.get('/many')).status, 200);
  });
  t.equal(parses, 0);
});

t.test('versions of every name are kept when records are copied', async (t) => {
  const { registry, writer, admin, anon } = await npmWorld(t);
  for (const version of ['1.0.0', '1.1.0']) await writer.publish('tags', version);
  for (const tag of ['__proto__', 'constructor', 'hasOwnProperty']) {
    t.equal((await writer.put(`/-/package/tags/dist-tags/${tag}`, '"1.0.0"')).status, 200, tag);
  }
  t.equal((await writer.put('/tags', await publishOf('tags', '1.2.0', { tag: '__proto__' }))).status, 201);
  const tags = (await anon.get('/-/package/tags/dist-tags')).text;
  t.equal(tags, '{"latest":"1.1.0","__proto__":"1.2.0","constructor":"1.0.0","hasOwnProperty":"1.0.0"}');
  t.equal((await admin.delete('/-/package/tags/dist-tags/__proto__')).status, 200);
  t.notMatch((await anon.get('/-/package/tags/dist-tags')).text, '__proto__');
  const stored = await registry.getStorage().read<INpmDocument>(documentKey('tags'));
  t.same(Object.keys(stored!.value.versions), ['1.0.0', '1.1.0', '1.2.0']);
});
