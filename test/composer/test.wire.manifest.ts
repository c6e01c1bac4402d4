import t from 'tap';
import { isConstraint } from '../../ts/composer/wire/wire.constraints.js';
import { assertListName, parseFilterEntry } from '../../ts/composer/wire/wire.filter.js';
import { checkManifest, MAX_MANIFEST, parseManifest } from '../../ts/composer/wire/wire.manifest.js';
import { assertNewName, isPackageName } from '../../ts/composer/wire/wire.names.js';
import { parseVersion } from '../../ts/composer/wire/wire.versions.js';
import { manifestPath, mayBeManifest } from '../../ts/composer/wire/wire.zip.js';
import { refusal } from '../support/npm/packages.js';

const check = (more: object, requested?: string) =>
  checkManifest({ name: 'acme/lib', version: '1.0.0', ...more }, 'acme/lib', requested);

t.test('names of packages', async (t) => {
  const right = ['a/b', '0/1', 'a_b/c.d', 'a-b/c-d', 'a.b/c_d', 'a/b--c', 'acme/lib2', `a/${'b'.repeat(198)}`];
  for (const name of right) t.ok(isPackageName(name), name);
  const wrong = ['', 'a', 'a/', '/b', 'a/b/c', 'a--b/c', 'a/b---c', 'a/_b', 'a/b_', 'a/-b', 'a/b-', '_a/b', 'a_/b'];
  for (const name of [...wrong, 'a..b/c', 'a/b..c', 'a/b__c', 'A/b', 'a/B', 'a/b c', 'é/b', 'a/b\n']) {
    t.notOk(isPackageName(name), name);
  }
  t.notOk(isPackageName(`a/${'b'.repeat(199)}`), '201 characters');
  t.equal(assertNewName('Acme/LIB'), 'acme/lib');
  t.throws(() => assertNewName('acme'), refusal('invalid', { message: /^A package name is vendor\/package/ }));
});

/** member -> values that Composer reads, and values that it stops at */
const MEMBERS: Record<string, [right: unknown[], wrong: unknown[]]> = {
  ...Object.fromEntries(
    ['type', 'time', 'description', 'homepage', 'target-dir'].map((name) => [
      name,
      [
        ['x', ''],
        [5, true, ['x'], {}],
      ],
    ]),
  ),
  ...Object.fromEntries(
    ['license', 'bin'].map((name) => [
      name,
      [
        ['x', ['x', 'y'], []],
        [5, [5], {}, ['x', null]],
      ],
    ]),
  ),
  ...Object.fromEntries(
    ['keywords', 'include-path'].map((name) => [
      name,
      [
        [['x'], []],
        ['x', [5], {}, ['x', null]],
      ],
    ]),
  ),
  authors: [
    [[{ name: 'x' }], [], [{ name: 'x', email: null, other: [5] }]],
    ['x', {}, ['x'], [{}, null], [[]], [{ name: 5 }], [{ email: ['x'] }], [{ homepage: {} }], [{ role: true }]],
  ],
  // `composer fund` stops at a url that is no text, whatever package has it
  funding: [
    [[{ type: 'x', url: 'y' }], [], [{}]],
    ['x', {}, ['x'], [{}, null], [[]], [{ url: ['x'] }], [{ type: 5 }]],
  ],
  ...Object.fromEntries(
    ['autoload', 'autoload-dev'].map((name) => [
      name,
      [
        [
          {},
          [],
          { 'psr-4': { 'A\\': 'src/', B: ['x', 'y'], C: null }, 'psr-0': [], files: ['x'], classmap: ['x'], other: 5 },
          { files: { a: 'x' }, classmap: 'x', 'exclude-from-classmap': ['x'], 'psr-0': { '': '' } },
        ],
        [
          'x',
          5,
          ['x'],
          true,
          { 'psr-4': { A: 5 } },
          { 'psr-0': { A: [['x']] } },
          { files: [5] },
          { classmap: [['x']] },
        ],
      ],
    ]),
  ),
  support: [
    [{}, [], { issues: 'x', chat: null, odd: 5 }],
    ['x', 5, ['x', []], true, { issues: ['x'] }, { source: {} }],
  ],
  // of another type, each ends every command that reads the package: Composer passes them to typed functions
  archive: [
    [{}, [], { name: 'x', exclude: ['a'] }, { name: null, exclude: null, other: 5 }],
    ['x', 5, ['x'], true, { name: 5 }, { name: ['x'] }, { exclude: 'x' }, { exclude: { a: 'x' } }, { exclude: [5] }],
  ],
  ...Object.fromEntries(
    ['scripts', 'php-ext'].map((name) => [
      name,
      [
        [{}, { x: [1] }, []],
        ['x', 5, ['x'], true],
      ],
    ]),
  ),
  suggest: [
    [{ 'a/b': 'x' }, {}, []],
    ['x', ['x'], { a: 5 }, { a: 'x', b: null }],
  ],
  source: [
    [
      { type: 'git', url: 'x', reference: 'y' },
      { type: 'git', url: 'x', reference: 'y', mirrors: [] },
    ],
    [
      { type: 'git', url: 'x', reference: 'y', mirrors: 'z' },
      'x',
      [],
      { url: 'x', reference: 'y' },
      { type: 'git', reference: 'y' },
      { type: 'git', url: 'x' },
    ],
  ],
  extra: [
    ['x', [], {}, { x: 5 }, { 'branch-alias': {} }, { 'branch-alias': [] }, { 'branch-alias': { a: 'b' } }],
    [{ 'branch-alias': 'x' }, { 'branch-alias': { a: 5 } }, { 'branch-alias': ['x'] }],
  ],
  abandoned: [
    [true, false, 'a/b', ''],
    [5, {}, ['x']],
  ],
  ...Object.fromEntries(
    ['require', 'require-dev', 'conflict', 'replace', 'provide'].map((name) => [
      name,
      [
        [{ 'a/b': '^1.0 || 2.*' }, { 'a/b': 'self.version' }, {}, []],
        ['x', 5, ['x'], { a: 5 }, { a: null }, { a: 'eight' }, { a: '1.0', b: 'self.versions' }],
      ],
    ]),
  ),
};

t.test('members of composer.json have the types that Composer reads', async (t) => {
  for (const [member, [right, wrong]] of Object.entries(MEMBERS)) {
    for (const value of [...right, null]) {
      t.same(check({ [member]: value }).manifest, { [member]: value }, `${member}: ${JSON.stringify(value)}`);
    }
    const message = new RegExp(`^composer\\.json: "${member}" (must be|has an invalid version constraint)`);
    for (const value of wrong) {
      const what = `${member}: ${JSON.stringify(value)}`;
      t.throws(() => check({ [member]: value }), refusal('invalid', { message }), what);
    }
  }
  t.same(check({ anything: [1, { x: null }], toString: 5 }).manifest, { anything: [1, { x: null }], toString: 5 });
  t.throws(() => check({ anything: '__unset' }), refusal('invalid', { message: /"__unset"/ }));
});

t.test('the name and the version of an upload', async (t) => {
  t.same(check({ name: 'ACME/Lib', version: 'v1.0@stable' }), { version: 'v1.0', normalized: '1.0.0.0', manifest: {} });
  for (const [more, requested, message] of [
    [{ name: 5 }, undefined, /has no "name"/],
    [{ name: 'acme' }, undefined, /has an invalid name: acme$/],
    [{ name: 'acme/other' }, undefined, /^The composer\.json in the zip is of acme\/other, not of acme\/lib$/],
    [{ version: 5 }, '1.0', /"version" must be a text/],
    [{ version: '' }, '1.0', /The version is missing/],
    [{ version: undefined }, undefined, /The version is missing/],
    [{ version: null }, '', /The version is missing/],
    [{ version: 'x' }, undefined, /Invalid version string "x"/],
    [{ version: '1.0' }, 'x', /Invalid version string "x"/],
    [{ version: '1.0' }, '1.1', /^The request is for version 1\.1, but composer\.json has version 1\.0$/],
  ] as const) {
    t.throws(() => check(more, requested), refusal('invalid', { message }), JSON.stringify([more, requested]));
  }
  const ours = ['version_normalized', 'dist', 'published-time', 'notification-url', 'transport-options'];
  const given = Object.fromEntries([...ours, 'installation-source', 'kept'].map((member) => [member, 'x']));
  t.same(check(given).manifest, { kept: 'x' }, 'what the registry says itself is not kept');
  t.match(check({ version: null }, '1.2'), { version: '1.2', normalized: '1.2.0.0' });
  t.match(check({ version: '1.0' }, 'v1.0.0'), { version: '1.0' }, 'as composer.json spells it');
  const inherited = Object.create({ name: 'acme/lib', version: '1.0' }) as Record<string, unknown>;
  t.throws(() => checkManifest(inherited, 'acme/lib', '1.0'), refusal('invalid', { message: /has no "name"/ }));
});

t.test('composer.json has at most 500 levels', async (t) => {
  const deep = (levels: number) => Buffer.from(`{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`);
  t.ok(parseManifest(deep(500)));
  t.throws(() => parseManifest(deep(501)), refusal('invalid', { message: /more than 500 levels/ }));
  t.same(parseManifest(Buffer.from('{"a":"é"}')), { a: 'é' });
  t.equal(MAX_MANIFEST, 1_048_576);
});

t.test('limits of versions and constraints', async (t) => {
  const branch = `dev-${'x'.repeat(251)}`;
  t.equal(parseVersion(branch).normalized, branch, '255 characters');
  t.throws(() => parseVersion(`${branch}x`), refusal('invalid'));
  for (const text of ['dev-a\u001f', 'dev-a\u007f', 'dev-a\u0000', 'dev-a\nb']) {
    t.throws(() => parseVersion(text), refusal('invalid'));
  }
  t.equal(parseVersion('dev-a~b é').normalized, 'dev-a~b é');
  const shown = (length: number) =>
    t.throws(() => parseVersion('y'.repeat(length)), refusal('invalid')) as unknown as Error;
  t.equal(shown(64).message, `Invalid version string "${'y'.repeat(64)}"`);
  t.equal(shown(65).message, `Invalid version string "${'y'.repeat(64)}…"`);

  const part = `dev-main#${'a'.repeat(291)}`;
  t.ok(isConstraint(part), 'a part of 300 characters');
  t.notOk(isConstraint(`${part}a`));
  const long = `${'1||'.repeat(1365)}1`;
  t.ok(isConstraint(long), '4,096 characters');
  t.notOk(isConstraint(`${long}1`));
  for (const text of [
    '@dev',
    '@stable',
    '1.0@RC',
    '1.0@beta',
    '1.0@alpha',
    '1.x-dev#abc',
    '1|2',
    '1 || 2',
    '1,2',
    'v1.2',
  ]) {
    t.ok(isConstraint(text), text);
  }
  for (const text of [
    '1.0@foo',
    '@',
    '1.0#abc',
    '===1',
    '=>1',
    '><1',
    '!1',
    '1 as',
    'x.1',
    '1.*.2',
    '~>1',
    '^dev-main',
  ]) {
    t.notOk(isConstraint(text), text);
  }
});

t.test('names of filter lists', async (t) => {
  const right = ['a', '0', 'malware', 'a-b_c.d', 'ignor', 'package-x', 'licenses-x', 'x-security', 'x'.repeat(64)];
  for (const list of right) t.equal(assertListName(list), list);
  const wrong = ['', '-a', 'a-', '_a', 'a_', '.a', 'a.', 'A', 'a b', 'é', 'a\n', 'x'.repeat(65), 'a/b'];
  for (const list of wrong) t.throws(() => assertListName(list), refusal('invalid', { message: /^The name of/ }), list);
  const reserved = `advisories abandoned package packages license licence licenses licences support maintenance security
    minimum-release-age ignore ignore-x ignored`.split(/\s+/);
  for (const list of reserved) {
    t.throws(
      () => assertListName(list),
      refusal('invalid', { message: `Composer reserves the name ${list}; use another name for the filter list` }),
    );
  }
});

t.test('entries of filter lists', async (t) => {
  const entry = (body: unknown) => parseFilterEntry('malware', body);
  t.same(entry({ constraint: '1.0' }), { list: 'malware', constraint: '1.0' });
  t.same(entry({ constraint: '1.0', reason: '', url: null, other: 'x' }), { list: 'malware', constraint: '1.0' });
  const whole = { constraint: '1.0', reason: 'r ~é\u00a0', url: 'u' };
  t.same(entry(whole), { list: 'malware', ...whole });
  const long = 'x'.repeat(2000);
  for (const member of ['reason', 'url']) {
    t.match(entry({ constraint: '1.0', [member]: long }), { [member]: long });
    const message = new RegExp(`^"${member}" must be a text of at most 2000 characters$`);
    for (const value of [`${long}x`, 5, true, {}, ['x']]) {
      t.throws(() => entry({ constraint: '1.0', [member]: value }), refusal('invalid', { message }));
    }
    const control = new RegExp(`^"${member}" has line breaks or control characters$`);
    for (const code of [0x00, 0x0a, 0x1f, 0x7f, 0x80, 0x9f]) {
      const text = `a${String.fromCharCode(code)}b`;
      t.throws(() => entry({ constraint: '1.0', [member]: text }), refusal('invalid', { message: control }));
    }
  }
  const limit = `${'1||'.repeat(166)}10`;
  t.equal(limit.length, 500);
  t.equal(entry({ constraint: limit }).constraint, limit);
  for (const constraint of [`${limit}0`, 'eight']) {
    t.throws(
      () => entry({ constraint }),
      refusal('invalid', { message: /^"constraint" is not a version constraint: / }),
    );
  }
  for (const body of [{}, { constraint: '' }, { constraint: null }, Object.create({ constraint: '1.0' })]) {
    t.throws(() => entry(body), refusal('invalid', { message: /^"constraint" is missing/ }));
  }
  for (const body of [null, [], 'x', 5])
    t.throws(() => entry(body), refusal('invalid', { message: /must be an object/ }));
});

t.test('where composer.json lies in a zip', async (t) => {
  for (const path of ['composer.json', 'a/composer.json']) t.ok(mayBeManifest(path), path);
  for (const path of ['a/b/composer.json', 'acomposer.json', 'composer.json/x', 'Composer.json', 'composer.lock']) {
    t.notOk(mayBeManifest(path), path);
  }
  for (const left of ['__MACOSX', '.DS_Store', 'Thumbs.db']) t.notOk(mayBeManifest(`${left}/composer.json`), left);
  const places: [paths: string[], found: string][] = [
    [['src/a.php', 'composer.json', 'b/composer.json'], 'composer.json'],
    [['a/composer.json', 'a/src/a.php', 'a/b/composer.json'], 'a/composer.json'],
    [['a/composer.json', '__MACOSX/a', '.DS_Store', 'Thumbs.db'], 'a/composer.json'],
  ];
  for (const [paths, found] of places) t.equal(manifestPath(paths), found);
  for (const paths of [
    [],
    ['a/composer.json', 'README'],
    ['a/composer.json', 'b/x'],
    ['a/x'],
    ['__MACOSX/composer.json'],
  ]) {
    t.throws(() => manifestPath(paths), refusal('invalid', { message: /no composer\.json at its top/ }), paths.join());
  }
});
