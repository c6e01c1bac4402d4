import t from 'tap';
import { zipOf as zipOfParts } from '../support/archives/zips.js';
import { composerWorld } from '../support/composer/actors.js';
import { packageZip, sha1, zipOf } from '../support/composer/packages.js';
import { multipart } from '../support/multipart.js';

t.test('an upload by POST, and in a form', async (t) => {
  const { writer, anon } = await composerWorld(t);
  t.equal((await writer.send('POST', '/packages/acme/lib', packageZip('acme/lib', '1.0.0'))).status, 201);
  const form = multipart([
    { name: 'version', value: '1.1.0' },
    { name: 'package', filename: 'x.zip', value: packageZip('acme/lib') },
  ]);
  t.equal(
    (await writer.send('POST', '/packages/acme/lib', form.bytes, { 'content-type': form.contentType })).status,
    201,
  );
  const last = multipart([
    { name: 'file', filename: 'x.zip', value: packageZip('acme/lib', undefined, { a: 1 }) },
    { name: 'version', value: '1.2.0' },
  ]);
  t.equal(
    (await writer.send('PUT', '/packages/acme/lib', last.bytes, { 'content-type': last.contentType })).status,
    201,
  );
  t.same(
    (await anon.versions('acme/lib')).map(({ version }) => version),
    ['1.2.0', '1.1.0', '1.0.0'],
  );
  const none = multipart([{ name: 'version', value: '1.3.0' }]);
  t.match((await writer.send('POST', '/packages/acme/lib', none.bytes, { 'content-type': none.contentType })).json(), {
    message: /no file/,
  });
  t.equal(
    (
      await writer.send('POST', '/packages/acme/lib?version=', last.bytes, {
        'content-type': last.contentType.replace('multipart/form-data', 'Multipart/Form-Data'),
      })
    ).status,
    200,
    'names of media types have no case, and an empty version in the query is none',
  );
  const both = multipart([
    { name: 'version', value: '1.4.0' },
    { name: 'file', filename: 'x.zip', value: packageZip('acme/lib') },
  ]);
  t.equal(
    (await writer.send('POST', '/packages/acme/lib?version=1.5.0', both.bytes, { 'content-type': both.contentType }))
      .status,
    400,
  );
});

t.test('a form that the host has parsed', async (t) => {
  const { writer, anon } = await composerWorld(t);
  const form = new FormData();
  form.set('version', '1.0.0');
  form.set('file', new Blob([new Uint8Array(packageZip('acme/lib'))]), 'x.zip');
  t.equal((await writer.send('POST', '/packages/acme/lib', form)).status, 201);
  t.match(await anon.versions('acme/lib'), [{ version: '1.0.0' }]);
});

t.test('a version is deleted in whatever spelling, also one with a slash in it', async (t) => {
  const told: string[] = [];
  const { writer, admin, anon } = await composerWorld(t, {
    storageHooks: {
      afterDelete: async ({ key, metadata }) =>
        void told.push(`${key.split('.').at(-1)} ${metadata?.packageName} ${metadata?.version}`),
    },
  });
  for (const version of ['1.0.0', '1.1.0', 'dev-feature/x']) await writer.publish('acme/lib', version);
  const message = async (version: string) => {
    const { status, json } = await admin.delete(`/packages/Acme/lib/${version}`);
    return [status, json().message];
  };
  t.same(await message('v1.0'), [200, 'acme/lib v1.0 was deleted']);
  t.same(await message('dev-feature/x'), [200, 'acme/lib dev-feature/x was deleted']);
  t.same(await message('v1.0'), [404, 'acme/lib v1.0 is not in this registry']);
  t.same(await message('dev-feature/x'), [404, 'acme/lib dev-feature/x is not in this registry']);
  t.match(await anon.versions('acme/lib'), [{ version: '1.1.0' }]);
  t.same(await anon.versions('acme/lib', true), []);
  t.same(
    told.filter((one) => one.startsWith('zip')),
    ['zip acme/lib v1.0', 'zip acme/lib dev-feature/x'],
  );
});

t.test('hooks are asked before a zip comes, and once for each object', async (t) => {
  const asked: string[] = [];
  const about: object[] = [];
  const { writer } = await composerWorld(t, {
    storageHooks: {
      beforePut: async ({ key, phase, metadata }) => {
        asked.push(`${phase} ${key}`);
        about.push(metadata ?? {});
        return { allowed: true };
      },
    },
  });
  const zip = packageZip('acme/lib', '1.0.0');
  await writer.put('/packages/acme/lib', zip);
  const folder = 'composer/packages/acme/lib';
  t.same(asked, [`start ${folder}/upload.zip`, `commit ${folder}/${sha1(zip)}.zip`, `commit ${folder}/metadata.json`]);
  const whole = { packageName: 'acme/lib', version: '1.0.0' };
  const artifact = { kind: 'artifact', packageName: 'acme/lib', contentType: 'application/zip' };
  t.match(about, [artifact, { ...artifact, ...whole, size: zip.length }, { kind: 'document', ...whole }]);
});

t.test('a form and the query may name the version both, if it is the same', async (t) => {
  const { writer } = await composerWorld(t);
  const form = (version: string) =>
    multipart([
      { name: 'version', value: version },
      { name: 'file', filename: 'x.zip', value: packageZip('acme/lib') },
    ]);
  const post = async (version: string, query: string) => {
    const { bytes, contentType } = form(version);
    return writer.send('POST', `/packages/acme/lib${query}`, bytes, { 'content-type': contentType });
  };
  t.match(await post('1.0.0', '?version=1.0.1'), {
    status: 400,
    text: /The version in the form differs from the one in the query/,
  });
  t.match((await post('1.0.0', '?version=1.0.0')).json(), { version: '1.0.0' });
  t.match((await post('', '?version=1.1.0')).json(), { version: '1.1.0' }, 'an empty one is none');
  t.match((await post('', '')).json(), { message: /version is missing/ });
});

t.test('archives of git repositories have links, and those of old tools names in old code pages', async (t) => {
  const { writer } = await composerWorld(t);
  const manifest = { name: 'composer.json', content: JSON.stringify({ name: 'acme/lib', version: '1.0.0' }) };
  const zip = zipOfParts([
    manifest,
    { name: 'link', content: 'composer.json', mode: 0o120777 },
    { name: Buffer.from('caf\xe9.php', 'latin1'), content: 'x', utf8: false },
  ]);
  t.equal((await writer.put('/packages/acme/lib', zip)).status, 201);
});

t.test('composer.json has at most a mebibyte', async (t) => {
  const { writer } = await composerWorld(t);
  const sized = (version: string, size: number) => {
    const manifest = JSON.stringify({ name: 'acme/lib', version });
    return zipOf({ 'composer.json': `${manifest.slice(0, -1).padEnd(size - 1)}}` });
  };
  t.equal((await writer.put('/packages/acme/lib', sized('1.0.0', 1024 * 1024))).status, 201);
  t.match(await writer.put('/packages/acme/lib', sized('1.0.1', 1024 * 1024 + 1)), { status: 400 });
});

t.test('every file of a zip is what its header says; else nothing is stored', async (t) => {
  const { writer, everything } = await composerWorld(t);
  const manifest = { name: 'composer.json', content: JSON.stringify({ name: 'acme/lib', version: '1.0.0' }) };
  const zip = zipOfParts([manifest, { name: 'x.php', content: 'one', packed: Buffer.from('two'), stored: true }]);
  const zeros = zipOfParts([manifest, { name: 'x.php', content: Buffer.alloc(65 * 1024 * 1024) }]);
  const form = multipart([{ name: 'package', filename: 'x.zip', value: zip }]);
  const damaged = { status: 400, text: /"message":"The zip has a damaged x\.php"/ };
  t.match(await writer.put('/packages/acme/lib', zip), damaged);
  t.match(await writer.put('/packages/acme/lib', form.bytes, { 'content-type': form.contentType }), damaged);
  const tooLarge = { status: 413, text: /The zip unpacks to more than 50 times its size/ };
  t.match(await writer.put('/packages/acme/lib', zeros), tooLarge);
  t.same(await everything(), []);
});
