import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { relativePath } from '../../ts/core/objectstore/directory/files/helpers.names.js';
import { ociWorld } from '../support/oci/actors.js';
import { image } from '../support/oci/samples.js';
import { ANY_AGE } from '../support/oci/stored.js';
import { storedKeys, temporaryFolder } from '../support/registry.js';

t.test('no blob is collected while the file of a manifest is damaged: what it named is not known', async (t) => {
  const directory = await temporaryFolder(t);
  const { admin } = await ociWorld(t, { storage: { directory } });
  const [one, two] = [image('one'), image('two')];
  await admin.pushImage('a', 'v1', one);
  await admin.pushImage('b', 'v1', two);
  await truncate(join(directory, 'objects', relativePath(`oci/manifests/a/${one.digest}`)), 10);
  const before = await storedKeys(admin.registry);
  await t.rejects(admin.registry.collectGarbage(ANY_AGE), { message: 'A stored object is damaged' });
  t.same(await storedKeys(admin.registry), before);
  t.equal((await admin.get('/a/manifests/v1')).status, 500, 'it is not absent');
  t.equal((await admin.get('/b/manifests/v1')).status, 200);
  t.same((await admin.get('/a/tags/list')).json().tags, ['v1']);
  t.same((await admin.get('/_catalog')).json().repositories, ['a', 'b']);
});
