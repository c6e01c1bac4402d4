import t from 'tap';
import { JSON_TYPE, pypiWorld } from '../support/pypi/actors.js';
import { hex, sdist, wheel } from '../support/pypi/distributions.js';

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
