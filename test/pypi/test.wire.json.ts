import t from 'tap';
import type { IPypiDocument, IPypiFile } from '../../ts/pypi/interfaces.pypi.js';
import { jsonSubject, latestVersion, renderJson } from '../../ts/pypi/wire/wire.json.js';
import { parseMetadata } from '../../ts/pypi/wire/wire.metadata.js';
import { renderProjectHtml, renderProjectJson } from '../../ts/pypi/wire/wire.simple.js';

const file = (filename: string, version: string, more: Partial<IPypiFile> = {}): IPypiFile => ({
  filename,
  version,
  packagetype: filename.endsWith('.whl') ? 'bdist_wheel' : 'sdist',
  pythonVersion: 'py3',
  key: 'k',
  size: 7,
  sha256: 'sha',
  md5: 'md5',
  uploadTime: '2026-01-02T03:04:05.678Z',
  metadata: { key: 'm', size: 1, sha256: 'of metadata' },
  writeId: 'w',
  ...more,
});
const documentOf = (...files: IPypiFile[]): IPypiDocument => ({
  name: 'Demo',
  serial: 5,
  modified: '2026-01-01T00:00:00.000Z',
  files: Object.fromEntries(files.map((one) => [one.filename, one])),
  deleted: {},
});
const place = { project: 'demo', publicUrl: 'https://x.example.org/pypi' };
const answerOf = (document: IPypiDocument, text: string, version?: string) => {
  const subject = jsonSubject(document, version)!;
  return renderJson(document, subject, parseMetadata(Buffer.from(text)), place) as Record<string, unknown>;
};

t.test('the version that the page of a project shows', async (t) => {
  const [old, stable, early, dev] = [file('a', '1.0'), file('b', '1.10'), file('c', '2.0rc1'), file('d', '3.0.dev1')];
  const yanked = (one: IPypiFile) => ({ ...one, yanked: '' });
  for (const [files, version] of [
    [[stable, old, early, dev], '1.10'],
    [[old, yanked(stable), early], '1.0'],
    [[yanked(old), early, dev], '3.0.dev1'],
    [[yanked(old), yanked(stable)], '1.10'],
    [[yanked(old), yanked(stable), yanked(early), yanked(dev)], '1.10'],
    [[yanked(early), yanked(dev)], '3.0.dev1'],
    [[], undefined],
  ] as const) {
    t.equal(latestVersion([...files]), version);
  }
});

t.test('what an answer is about', async (t) => {
  const [sdist, wheel, other] = [file('demo-1.0.zip', '1.0'), file('w.whl', '1.0.0'), file('demo-2.0.zip', '2.0')];
  const document = documentOf(sdist, wheel, other);
  t.same(jsonSubject(document, '1'), { version: '1.0', files: [sdist, wheel], shown: wheel });
  t.same(jsonSubject(document), { version: '2.0', files: [other], shown: other });
  for (const version of ['3.0', 'no version']) t.equal(jsonSubject(document, version), null);
  t.equal(jsonSubject(documentOf()), null);
});

t.test('every field of the metadata has its member', async (t) => {
  const fields = `Metadata-Version: 2.4
Name: Demo
Version: 1.0
Author: author
Author-email: author-email
Description-Content-Type: text/markdown
Download-URL: download
Home-page: home
Keywords: keywords
License: license
License-Expression: expression
Maintainer: maintainer
Maintainer-email: maintainer-email
Requires-Python: >=3
Summary: summary
Dynamic: d1
Dynamic: d2
License-File: l1
Provides-Extra: p1
Requires-Dist: r1
Platform: one
Platform: two
Classifier: c1
Project-URL: no comma
Project-URL:  A , https://a.example.org/x,y
`;
  const page = 'https://x.example.org/pypi/simple/demo/';
  const { info, ...rest } = answerOf(documentOf(file('demo-1.0.zip', '1.0')), `${fields}\nbody\n`);
  const common = {
    bugtrack_url: null,
    docs_url: null,
    downloads: { last_day: -1, last_month: -1, last_week: -1 },
    package_url: page,
    project_url: page,
    release_url: page,
  };
  t.same(info, {
    ...common,
    name: 'Demo',
    version: '1.0',
    author: 'author',
    author_email: 'author-email',
    classifiers: ['c1'],
    description: 'body\n',
    description_content_type: 'text/markdown',
    download_url: 'download',
    dynamic: ['d1', 'd2'],
    home_page: 'home',
    keywords: 'keywords',
    license: 'license',
    license_expression: 'expression',
    license_files: ['l1'],
    maintainer: 'maintainer',
    maintainer_email: 'maintainer-email',
    platform: 'one,two',
    project_urls: { A: 'https://a.example.org/x,y' },
    provides_extra: ['p1'],
    requires_dist: ['r1'],
    requires_python: '>=3',
    summary: 'summary',
    yanked: false,
    yanked_reason: null,
  });
  const listed = {
    comment_text: null,
    'core-metadata': false,
    digests: { md5: 'md5', sha256: 'sha' },
    downloads: -1,
    filename: 'demo-1.0.zip',
    has_sig: false,
    md5_digest: 'md5',
    packagetype: 'sdist',
    python_version: 'py3',
    requires_python: null,
    size: 7,
    upload_time: '2026-01-02T03:04:05',
    upload_time_iso_8601: '2026-01-02T03:04:05.678Z',
    url: 'https://x.example.org/pypi/packages/demo/demo-1.0.zip',
    yanked: false,
    yanked_reason: null,
  };
  t.same(rest, {
    last_serial: 5,
    ownership: { roles: [], organization: null },
    releases: { '1.0': [listed] },
    urls: [listed],
    vulnerabilities: [],
  });
  const wheel = answerOf(documentOf(file('demo-1.0-py3-none-any.whl', '1.0')), '').urls as Record<string, unknown>[];
  t.same(wheel[0]?.['core-metadata'], { sha256: 'of metadata' });

  const bare = answerOf(documentOf(file('demo-1.0.zip', '1.0')), 'Project-URL: x\n').info as Record<string, unknown>;
  const { name, version, description, classifiers, yanked, yanked_reason: reason, ...others } = bare;
  t.same([name, version, description, classifiers, yanked, reason], [null, '1.0', '', [], false, null]);
  const nothing = Object.fromEntries(Object.keys(others).map((member) => [member, null]));
  t.same(others, { ...nothing, ...common }, 'what is not set is null');
});

t.test('releases come in the order of their versions, and yanks are told', async (t) => {
  const document = documentOf(
    file('demo-1.10.zip', '1.10'),
    file('demo-1.9.zip', '1.9', { yanked: 'why', requiresPython: '>=3.9' }),
    file('w.whl', '1.9', { yanked: '' }),
    file('demo-1.0.zip', '1.0'),
    file('v.whl', '1.0', { yanked: 'part' }),
  );
  const answer = answerOf(document, '', '1.9') as { info: object; releases: Record<string, object[]>; urls: object[] };
  t.same(Object.keys(answer.releases), ['1.0', '1.9', '1.10']);
  t.match(answer.info, { version: '1.9', yanked: true, yanked_reason: 'why' });
  t.match(answer.urls, [
    { filename: 'demo-1.9.zip', yanked: true, yanked_reason: 'why', requires_python: '>=3.9' },
    { filename: 'w.whl', yanked: true, yanked_reason: null, packagetype: 'bdist_wheel' },
  ]);
  t.match(answerOf(document, '', '1.0').info, { yanked: false, yanked_reason: null }, 'one of its files is not yanked');
  const closed = { ...document, status: { status: 'quarantined' as const } };
  t.match(answerOf(closed, '', '1.0'), { info: { version: '1.0' }, releases: {}, urls: [] });
});

t.test('the page of a project', async (t) => {
  const attestations = { key: 'a', size: 1, sha256: 'x' };
  const wheel = file('demo-1.0+x-py3-none-any.whl', '1.0+x', { attestations, requiresPython: '>=3', yanked: '' });
  const sdist = file('demo-1!2.0.zip', '1!2.0', { yanked: 'why' });
  const document = documentOf(wheel, sdist);
  const url = `${place.publicUrl}/packages/demo/demo-1.0%2Bx-py3-none-any.whl`;
  const metadata = { sha256: 'of metadata' };
  const provenance = `${place.publicUrl}/integrity/demo/1.0%2Bx/demo-1.0%2Bx-py3-none-any.whl/provenance`;
  const common = { hashes: { sha256: 'sha' }, size: 7, 'upload-time': '2026-01-02T03:04:05.678Z' };
  t.same(renderProjectJson(document, { ...place, isSecure: true }), {
    meta: { 'api-version': '1.4' },
    name: 'demo',
    versions: ['1.0+x', '1!2.0'],
    files: [
      {
        ...common,
        filename: wheel.filename,
        url,
        'requires-python': '>=3',
        yanked: true,
        'core-metadata': metadata,
        'data-dist-info-metadata': metadata,
        provenance,
      },
      {
        ...common,
        filename: sdist.filename,
        url: `${place.publicUrl}/packages/demo/demo-1!2.0.zip`,
        yanked: 'why',
        'core-metadata': false,
        'data-dist-info-metadata': false,
      },
    ],
  });
  t.match(renderProjectJson(document, { ...place, isSecure: false }), { files: [{ provenance: null }, {}] });
  const status = { status: 'archived' as const, reason: '<done>' };
  t.match(renderProjectJson({ ...document, status }, { ...place, isSecure: true }), { 'project-status': status });
  t.equal(
    renderProjectHtml({ ...document, status }, { ...place, isSecure: true }),
    `<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<meta name="pypi:repository-version" content="1.4">
<meta name="pypi:project-status" content="archived">
<meta name="pypi:project-status-reason" content="&lt;done&gt;">
<title>Links for demo</title>
</head>
<body>
<h1>Links for demo</h1>
<a href="${url}#sha256=sha" data-requires-python="&gt;=3" data-core-metadata="sha256=of metadata" data-dist-info-metadata="sha256=of metadata" data-yanked="" data-provenance="${provenance}">${wheel.filename}</a><br>
<a href="${place.publicUrl}/packages/demo/demo-1!2.0.zip#sha256=sha" data-yanked="why">demo-1!2.0.zip</a><br>
</body>
</html>
`,
  );
  t.notMatch(renderProjectHtml(document, { ...place, isSecure: false }), /provenance|project-status/);
});
