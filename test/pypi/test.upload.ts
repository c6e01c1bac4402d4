import t from 'tap';
import { type IPart, multipart } from '../support/multipart.js';
import { contentOf, fieldsOf, JSON_TYPE, PASSWORD, PypiActor, pypiWorld } from '../support/pypi/actors.js';
import { attestationOf, hex, sdist, wheel } from '../support/pypi/distributions.js';
import { send } from '../support/registry.js';

t.test('a wheel and an sdist are uploaded, listed and downloaded', async (t) => {
  const { anon, writer, stored } = await pypiWorld(t);
  const built = wheel('Lab.Pkg', '1.0', { fields: ['Requires-Python: >=3.9', 'Summary: of no use'] });
  const source = await sdist('Lab.Pkg', '1.0');
  t.equal((await anon.upload(built)).status, 401);
  t.same(await stored(), []);
  const answer = await writer.upload(built);
  t.match(answer, { status: 200, text: 'lab_pkg-1.0-py3-none-any.whl is in the index\n' });
  t.equal((await writer.upload(source)).status, 200);
  t.same(await stored(), [
    'pypi/metadata/lab-pkg/metadata.json',
    'pypi/packages/lab-pkg/lab_pkg-1.0-py3-none-any.whl',
    'pypi/packages/lab-pkg/lab_pkg-1.0-py3-none-any.whl.metadata',
    'pypi/packages/lab-pkg/lab_pkg-1.0.tar.gz',
    'pypi/packages/lab-pkg/lab_pkg-1.0.tar.gz.metadata',
  ]);

  const page = await anon.get('/simple/lab-pkg/', { accept: JSON_TYPE });
  t.match(page, { status: 200, headers: { 'Content-Type': JSON_TYPE, Vary: /Accept/ } });
  const url = 'http://pypi.example.org/pypi/packages/lab-pkg/lab_pkg-1.0-py3-none-any.whl';
  t.match(page.json(), {
    meta: { 'api-version': '1.4' },
    name: 'lab-pkg',
    versions: ['1.0'],
    files: [
      {
        filename: 'lab_pkg-1.0-py3-none-any.whl',
        url,
        hashes: { sha256: hex('sha256', built.bytes) },
        'requires-python': '>=3.9',
        size: built.bytes.length,
        'upload-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
        yanked: false,
        'core-metadata': { sha256: hex('sha256', built.metadata) },
      },
      { filename: 'lab_pkg-1.0.tar.gz', 'core-metadata': false },
    ],
  });
  t.same(await anon.page('lab-pkg'), page.json(), 'the same below /pypi');
  const file = await anon.get('/pypi/packages/lab-pkg/lab_pkg-1.0-py3-none-any.whl');
  t.equal(file.status, 200);
  t.ok(file.bytes.equals(built.bytes));
  t.equal((await anon.get(`${new URL(url).pathname}.metadata`)).text, built.metadata);
  t.equal((await anon.get('/pypi/packages/lab-pkg/lab_pkg-1.0.tar.gz.metadata')).status, 404);
  t.ok((await anon.get('/pypi/packages/lab-pkg/lab_pkg-1.0.tar.gz')).bytes.equals(source.bytes));
});

t.test('the four paths take uploads, and none of them redirects', async (t) => {
  const { writer } = await pypiWorld(t);
  for (const [at, path] of ['/pypi', '/pypi/', '/pypi/legacy', '/pypi/legacy/'].entries()) {
    const answer = await writer.upload(wheel('demo', `1.${at}`), {}, path);
    t.match(answer, { status: 200 }, path);
  }
  t.same((await writer.page('demo')).versions, ['1.0', '1.1', '1.2', '1.3']);
  for (const path of ['/simple/', '/simple/demo/', '/pypi/simple/', '/pypi/simple/demo/']) {
    const answer = await writer.upload(wheel('demo', '2.0'), {}, path);
    t.match(answer, { status: 405, headers: { Allow: 'GET, HEAD' } }, `${path} is no upload URL`);
  }
  t.equal((await writer.get('/pypi/')).status, 405);
});

/** The fields of each client in its order, as measured on the wire; `*` stands for what the test fills in. */
const CLIENTS: Record<string, string> = {
  twine: 'summary name version pyversion filetype sha256_digest blake2_256_digest :action protocol_version content',
  uv: ':action sha256_digest blake2_256_digest protocol_version metadata_version name version filetype pyversion requires_python content',
  poetry: 'md5_digest sha256_digest blake2_256_digest filetype pyversion name version :action protocol_version content',
  flit: ':action name version metadata_version summary provides protocol_version filetype md5_digest sha256_digest content',
  hatch:
    'description metadata_version name version summary import_name filetype pyversion :action protocol_version md5_digest sha256_digest blake2_256_digest content',
  pdm: 'name version filetype pyversion metadata_version summary home_page author author_email maintainer maintainer_email license description keywords download_url comment description_content_type license_expression sha256_digest md5_digest blake2_256_digest :action protocol_version content',
  'the file first': 'content :action protocol_version name version filetype md5_digest sha256_digest',
  'the file in the middle': ':action content name version filetype sha256_digest',
  'only what is needed': 'name version content',
};

t.test('fields come in any order, before and behind the file; empty ones mean absent', async (t) => {
  const { writer, anon } = await pypiWorld(t);
  for (const [at, [client, order]] of Object.entries(CLIENTS).entries()) {
    for (const file of [wheel('demo', `1.${at}`), await sdist('demo', `1.${at}`)]) {
      const fields: Record<string, string> = fieldsOf(file);
      const parts = order
        .split(' ')
        .map((name): IPart => (name === 'content' ? contentOf(file) : { name, value: fields[name] ?? '' }));
      t.match(await writer.post(parts), { status: 200 }, `${client}, ${file.filetype}`);
    }
  }
  t.equal((await anon.page('demo')).files.length, 2 * Object.keys(CLIENTS).length);
});

t.test('empty fields, UNKNOWN and fields that nobody knows', async (t) => {
  const { writer } = await pypiWorld(t);
  const file = wheel('demo', '1.0');
  const answer = await writer.upload(file, {
    md5_digest: '',
    sha256_digest: 'UNKNOWN',
    filetype: '',
    protocol_version: '',
    ':action': '',
    home_page: '',
    attestations: '',
    field_of_the_year_2031: 'x',
    __proto__: 'x',
    blake2_256_digest: 'not even hex',
  });
  t.match(answer, { status: 200 });
});

t.test('a signature beside the file is taken and dropped', async (t) => {
  const { writer, stored } = await pypiWorld(t);
  const file = wheel('demo', '1.0');
  const fields = Object.entries(fieldsOf(file)).map(([name, value]): IPart => ({ name, value }));
  const signature: IPart = { name: 'gpg_signature', value: 'x'.repeat(100_000), filename: `${file.filename}.asc` };
  t.match(await writer.post([...fields, signature, contentOf(file)]), { status: 200 });
  t.equal((await stored()).length, 3);
});

t.test('a form that the host has parsed: the file as bytes, a Blob or a stream', async (t) => {
  const { registry, writer, anon } = await pypiWorld(t);
  const forms: [string, (bytes: Buffer) => unknown][] = [
    ['a Buffer', (bytes) => bytes],
    ['a Uint8Array', (bytes) => new Uint8Array(bytes)],
    ['an ArrayBuffer', (bytes) => new Uint8Array(bytes).buffer],
    ['a Blob', (bytes) => new Blob([new Uint8Array(bytes)])],
    ['a web stream', (bytes) => new Blob([new Uint8Array(bytes)]).stream()],
  ];
  for (const [at, [what, form]] of forms.entries()) {
    const file = wheel('my-package', `1.0.${at}`);
    const answer = await send(registry, 'POST', '/pypi/', {
      headers: { Authorization: `Bearer ${writer.token}`, 'Content-Type': 'multipart/form-data' },
      body: {
        ':action': 'file_upload',
        protocol_version: '1',
        name: 'my-package',
        version: `1.0.${at}`,
        filetype: 'bdist_wheel',
        content: form(file.bytes),
        filename: file.filename,
      },
    });
    t.match(answer, { status: 200 }, what);
    t.ok((await anon.get(`/pypi/packages/my-package/${file.filename}`)).bytes.equals(file.bytes), what);
  }
  const form = new FormData();
  const file = wheel('my-package', '2.0');
  for (const [name, value] of Object.entries(fieldsOf(file))) form.append(name, value);
  form.append('content', new File([new Uint8Array(file.bytes)], file.filename));
  const answer = await send(registry, 'POST', '/pypi/', {
    headers: { Authorization: `Bearer ${writer.token}` },
    body: form,
  });
  t.match(answer, { status: 200 }, 'a FormData');
});

t.test('the same file again is a success, and other bytes are not', async (t) => {
  const { writer, anon, everything } = await pypiWorld(t);
  const file = wheel('demo', '1.0');
  await writer.upload(file);
  const { files } = await anon.page('demo');
  const before = await everything();
  t.match(await writer.upload(file), { status: 200 });
  t.match(await writer.upload(file, { name: 'DEMO' }), { status: 200 });
  t.same((await anon.page('demo')).files, files, 'with its first upload time');
  const others = [
    wheel('demo', '1.0', { description: 'changed' }),
    wheel('demo', '1.0', { filename: 'demo-1.0.0-py3-none-any.whl', description: 'equal version, equal file' }),
    wheel('demo', '1.0', { filename: 'Demo-1.0-py3-none-any.whl', description: 'equal name, equal file' }),
  ];
  for (const other of others) {
    t.match(await writer.upload(other), { status: 400, text: /^File already exists: / }, other.filename);
  }
  await writer.upload(await sdist('demo', '1.0'));
  const zip = await writer.upload(await sdist('demo', '1.0', { ending: '.zip' }));
  t.match(zip, { status: 400, text: /It is there under the name demo-1\.0\.tar\.gz/ }, 'a release has one sdist');
  t.equal((await anon.page('demo')).files.length, 2);
  t.equal((await everything()).length, before.length + 3, 'and nothing more is stored');
});

t.test('names as older tools write them are listed as they were sent', async (t) => {
  const { writer, anon } = await pypiWorld(t);
  const files = [
    await sdist('Foo.Bar', '1.0', { filename: 'foo-bar-1.0.tar.gz', folder: 'foo-bar-1.0' }),
    wheel('Foo.Bar', '1.0', { stem: 'Foo.Bar' }),
    wheel('foo_bar', '1!2.0+Local-1', {
      filename: 'foo_bar-1!2.0+local_1-py2.py3-none-any.whl',
      folder: 'foo_bar-1!2.0+local.1.dist-info',
    }),
    await sdist('foo-bar', '3.0', { ending: '.zip' }),
  ];
  for (const file of files) t.match(await writer.upload(file), { status: 200 }, file.filename);
  const { files: listed, versions } = await anon.page('foo-bar');
  t.same(
    listed.map(({ filename }) => filename),
    files.map(({ filename }) => filename),
  );
  t.same(versions, ['1.0', '1!2.0+local.1', '3.0']);
  for (const { url, size } of listed) {
    const answer = await anon.get(new URL(url).pathname);
    t.match(answer, { status: 200, headers: { 'Content-Length': String(size) } }, url);
  }
});

t.test('the metadata decide how a name and a version are spelled, not the form', async (t) => {
  const { writer, anon } = await pypiWorld(t);
  t.match(await writer.upload(wheel('Lab.Pkg', '1.0'), { name: 'LAB_PKG', version: 'v1.0.0' }), { status: 200 });
  t.same((await anon.page('lab-pkg')).versions, ['1.0']);
  t.same((await anon.get('/simple/', { accept: JSON_TYPE })).json().projects, [{ name: 'Lab.Pkg' }]);
});

t.test('attestations are stored, and announced over https only', async (t) => {
  const { registry, writer, anon, stored } = await pypiWorld(t);
  const file = wheel('demo', '1.0');
  const attestations = [attestationOf(file)];
  t.match(await writer.upload(file, { attestations: JSON.stringify(attestations) }), { status: 200 });
  t.ok((await stored()).includes(`pypi/packages/demo/${file.filename}.attestations`));
  t.equal((await anon.page('demo')).files[0]?.provenance, null, 'over http');
  const [json, html] = [JSON_TYPE, 'text/html'].map((accept) =>
    send(registry, 'GET', '/simple/demo/', { headers: { accept }, baseUrl: 'https://pypi.example.org' }),
  );
  const path = `/pypi/integrity/demo/1.0/${file.filename}/provenance`;
  t.match((await json)?.json(), { files: [{ provenance: `https://pypi.example.org${path}` }] });
  t.match((await html)?.text, `data-provenance="https://pypi.example.org${path}"`);
  t.match((await anon.get(path)).json(), { version: 1, attestation_bundles: [{ attestations }] });

  const { status: afterHttps } = await send(registry, 'GET', '/simple/demo/', { baseUrl: 'https://pypi.example.org' });
  t.equal(afterHttps, 200);
  t.equal((await anon.page('demo')).files[0]?.provenance, null, 'over http, also after somebody came over https');
  t.match(await registry.collectGarbage({ graceMs: 0 }), [{ removed: { files: 0 } }], 'no sweep takes them');
  t.equal((await anon.get(path)).status, 200);

  const other = wheel('demo', '2.0');
  const wrong = await writer.upload(other, { attestations: JSON.stringify(attestations) });
  t.match(wrong, { status: 400, text: /its subject has another sha256/ });
  const [own] = [attestationOf(other)] as [{ envelope: { statement: string } }];
  const statement = JSON.parse(Buffer.from(own.envelope.statement, 'base64').toString());
  statement.subject.push({ name: 'more', digest: { sha256: hex('sha256', 'more') } });
  own.envelope.statement = Buffer.from(JSON.stringify(statement)).toString('base64');
  const shared = await writer.upload(other, { attestations: JSON.stringify([own]) });
  t.match(shared, { status: 400, text: /about another file/ }, 'a statement about two files');
  const many = (count: number) => JSON.stringify(Array(count).fill(attestationOf(other)));
  t.match(await writer.upload(other, { attestations: many(17) }), { status: 400, text: /at most 16 attestations/ });
  t.match(await writer.upload(wheel('demo', '3.0'), { attestations: '[]' }), { status: 200 }, 'a list of none');
  t.notOk((await stored()).some((key) => key.includes('3.0') && key.endsWith('.attestations')));
  await writer.upload(other);
  t.notOk('provenance' in ((await anon.page('demo')).files[1] as object));
  t.equal((await anon.get(`/pypi/integrity/demo/2.0/${other.filename}/provenance`)).status, 404);
});

t.test('the same file again brings the attestations that it lacked', async (t) => {
  const { registry, writer, admin, anon, stored } = await pypiWorld(t);
  const file = wheel('demo', '1.0');
  const path = `/pypi/integrity/demo/1.0/${file.filename}/provenance`;
  const late = JSON.stringify([attestationOf(file)]);
  t.match(await writer.upload(file), { status: 200 });
  const [before] = (await anon.page('demo')).files;
  t.equal((await anon.get(path)).status, 404);
  t.match(await writer.upload(file, { attestations: late }), { status: 200 });
  t.match((await anon.get(path)).json(), { version: 1, attestation_bundles: [{ attestations: JSON.parse(late) }] });
  const [after] = (await anon.page('demo')).files;
  t.same({ ...after, provenance: undefined }, { ...before, provenance: undefined }, 'the file is the same');
  const all = await stored();
  t.match(await writer.upload(file, { attestations: late }), { status: 200 }, 'and again');
  t.match(await writer.upload(file), { status: 200 }, 'the file alone');
  const others = JSON.stringify([attestationOf(file), attestationOf(file)]);
  const refused = await writer.upload(file, { attestations: others });
  t.match(
    refused,
    { status: 400, text: /^File already exists: .* It has other attestations/ },
    'no success without them',
  );
  t.same(await stored(), all);
  t.ok((await anon.get(path)).text.includes(late), 'the first ones stay');
  t.match(await registry.collectGarbage({ graceMs: 0 }), [{ removed: { files: 0 } }], 'no sweep takes them');
  t.ok((await anon.get(path)).text.includes(late));

  const archived = wheel('archived', '1.0');
  t.match(await writer.upload(archived), { status: 200 });
  await registry.getStorage().update<{ status?: object }>('pypi/metadata/archived/metadata.json', (current) => ({
    ...current,
    status: { status: 'archived' },
  }));
  const closed = await writer.upload(archived, { attestations: JSON.stringify([attestationOf(archived)]) });
  t.match(closed, { status: 403, text: /archived and takes no uploads/ });
  t.match(await writer.upload(archived), { status: 200 }, 'a repetition');
  t.equal((await admin.get('/pypi/integrity/archived/1.0/archived-1.0-py3-none-any.whl/provenance')).status, 404);
});

t.test('of two uploads of a file at once, the attestations of the one that has some are stored', async (t) => {
  const { registry, writer, anon, stored } = await pypiWorld(t);
  for (let n = 1; n <= 10; n++) {
    const file = wheel('demo', `${n}.0`);
    const attestations = JSON.stringify([attestationOf(file)]);
    const answers = await Promise.all([writer.upload(file), writer.upload(file, { attestations })]);
    t.same(
      answers.map(({ status }) => status),
      [200, 200],
    );
    t.equal((await anon.get(`/pypi/integrity/demo/${n}.0/${file.filename}/provenance`)).status, 200);
  }
  // the upload that came second may have put its file at a key before it knew
  await registry.collectGarbage({ graceMs: 0 });
  const kept = (ending: RegExp) => stored().then((keys) => keys.filter((key) => ending.test(key)).length);
  t.same([await kept(/\.attestations/), await kept(/\.metadata/), await kept(/\.whl/)], [10, 10, 30], 'once each');
  for (let n = 1; n <= 10; n++) {
    const { filename } = wheel('demo', `${n}.0`);
    t.equal((await anon.get(`/pypi/integrity/demo/${n}.0/${filename}/provenance`)).status, 200);
  }
});

t.test('attestations nested as deep as a form allows are served', async (t) => {
  const { writer, anon } = await pypiWorld(t);
  const file = wheel('demo', '1.0');
  const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
  const attestations = JSON.stringify([attestationOf(file)]).replace('"verification_material":{', `$&"deep":${deep},`);
  t.match(attestations, deep);
  t.match(await writer.upload(file, { attestations }), { status: 200 });
  const answer = await anon.get(`/pypi/integrity/demo/1.0/${file.filename}/provenance`);
  t.match(answer, { status: 200, headers: { 'Content-Type': 'application/json' } });
  t.ok(answer.text.includes(attestations));
});

t.test('who may upload', async (t) => {
  const { anon, writer, reader, tokenOf, stored, registry } = await pypiWorld(t);
  const file = wheel('Demo', '1.0');
  const own = await tokenOf({ scopes: ['pypi:package:demo:write'] });
  const other = await tokenOf({ scopes: ['pypi:package:other:write'] });
  const npm = new PypiActor(registry, await registry.getAuthManager().createNpmToken('ann'));
  t.match(await anon.upload(file), { status: 401, headers: { 'WWW-Authenticate': 'Basic realm="pypi"' } });
  t.match(await npm.upload(file), { status: 401 }, "another protocol's token");
  t.match(await reader.upload(file), { status: 403 }, 'a read-only token');
  t.match(await other.upload(file), { status: 403, text: /write on package demo/ }, 'a token of another project');
  const last: IPart[] = [contentOf(file), { name: 'name', value: 'demo' }, { name: 'version', value: '1.0' }];
  t.match(await other.post(last), { status: 403 }, 'the name behind the file');
  t.same(await stored(), []);
  t.match(await own.upload(file), { status: 200 });
  const password = Buffer.from(`ann:${PASSWORD}`).toString('base64');
  for (const authorization of [`Bearer ${writer.token}`, `Basic ${password}`]) {
    const { bytes, contentType } = multipart([contentOf(file), ...last.slice(1)]);
    const headers = { authorization, 'content-type': contentType };
    t.match(await send(registry, 'POST', '/pypi/', { headers, body: bytes }), { status: 200 }, authorization);
  }
});

t.test('hooks are asked once for each object, and may refuse', async (t) => {
  const asked: string[] = [];
  const { writer, stored } = await pypiWorld(t, {
    storageHooks: {
      beforePut: async ({ key, phase, metadata }) => {
        asked.push(`${phase} ${key} ${metadata?.packageName} ${metadata?.version ?? ''}`.trim());
        return { allowed: metadata?.version !== '6.6.6', reason: 'an evil version' };
      },
    },
  });
  const file = wheel('Demo', '1.0');
  await writer.upload(file);
  t.same(asked, [
    `start pypi/packages/demo/${file.filename} demo`,
    `commit pypi/packages/demo/${file.filename} demo 1.0`,
    `commit pypi/packages/demo/${file.filename}.metadata demo 1.0`,
    'commit pypi/metadata/demo/metadata.json demo 1.0',
  ]);
  const before = await stored();
  t.match(await writer.upload(wheel('demo', '6.6.6')), { status: 403, text: /an evil version/ });
  t.same(await stored(), before);
});

t.test('hooks are told what each object is', async (t) => {
  const told: object[] = [];
  const { writer } = await pypiWorld(t, {
    storageHooks: {
      beforePut: async ({ phase, metadata }) => {
        const { contentType, kind, version } = metadata ?? {};
        told.push([phase, kind, version, contentType?.split(';')[0]]);
        return { allowed: true };
      },
    },
  });
  const file = wheel('Demo', '1.0');
  await writer.upload(file, { attestations: JSON.stringify([attestationOf(file)]) });
  t.same(told, [
    ['start', 'artifact', undefined, 'application/octet-stream'],
    ['commit', 'artifact', '1.0', 'application/octet-stream'],
    ['commit', 'artifact', '1.0', 'text/plain'],
    ['commit', 'artifact', '1.0', 'application/json'],
    ['commit', 'document', '1.0', 'application/json'],
  ]);
});

t.test('who may not upload to a project is refused before the first byte of the file is kept', async (t) => {
  const announced: string[] = [];
  const { tokenOf } = await pypiWorld(t, {
    storageHooks: {
      beforePut: async ({ key, phase }) => {
        announced.push(`${phase} ${key}`);
        return { allowed: true };
      },
    },
  });
  const other = await tokenOf({ scopes: ['pypi:package:other:write'] });
  t.equal((await other.upload(wheel('demo', '1.0'))).status, 403);
  t.same(announced, []);
});
