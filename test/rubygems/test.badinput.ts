import { gzipSync } from 'node:zlib';
import t from 'tap';
import { type ITarPart, paxPart, tarGzOf, tarOf } from '../support/archives/tars.js';
import { gemPart, gemWorld } from '../support/rubygems/actors.js';
import { checksumsOf, gemOf, type IGemOptions, specOf } from '../support/rubygems/gems.js';

const gem = (options: IGemOptions = {}): Buffer => gemOf('demo', '1.0', options).bytes;
const good = gem();

/** A gem whose data are this archive. */
const withFiles = (...parts: (ITarPart | Buffer)[]): Buffer => gem({ data: tarGzOf(...parts) });

const metadata = gzipSync(specOf('demo', '1.0'));
const data = tarGzOf({ name: 'lib/demo.rb', content: 'x' });
const checksums = gzipSync(checksumsOf({ 'metadata.gz': metadata, 'data.tar.gz': data }));

const METADATA: ITarPart = { name: 'metadata.gz', content: metadata };
const DATA: ITarPart = { name: 'data.tar.gz', content: data };
const CHECKSUMS: ITarPart = { name: 'checksums.yaml.gz', content: checksums };

/** of which only the SHA512 of the metadata is wrong */
const wrong512 = gzipSync(
  checksumsOf({ 'metadata.gz': metadata, 'data.tar.gz': data }).replace(/(SHA512:\n {2}metadata.gz: )[0-9a-f]/, '$1z'),
);

type TCase = [what: string, bytes: Buffer, says: RegExp];

const outer: TCase[] = [
  ['nothing', Buffer.alloc(0), /has no body|no metadata\.gz/],
  ['no tar', Buffer.from('<html>this is not a gem</html>'.repeat(50)), /not a tar archive|malformed number|cut short/],
  ['a tar.gz', gzipSync(good), /The gem/],
  ['half a gem', good.subarray(0, good.length >> 1), /The gem/],
  ['no metadata', tarOf(DATA), /has no metadata\.gz/],
  ['no data', tarOf(METADATA), /has no data\.tar\.gz/],
  ['metadata twice', tarOf(METADATA, DATA, METADATA), /metadata\.gz twice/],
  ['data twice', tarOf(METADATA, DATA, DATA), /data\.tar\.gz twice/],
  ['something else', tarOf(METADATA, DATA, { name: 'evil.sh', content: 'x' }), /"evil\.sh", which is no part of a gem/],
  ['a path that leads out', tarOf(METADATA, DATA, { name: '../x', content: 'x' }), /leads out of its folder/],
  ['a link for the data', tarOf(METADATA, { name: 'data.tar.gz', type: '2', linkname: '/etc/passwd' }), /link/],
  ['a folder', tarOf({ name: 'metadata.gz', type: '5' }, DATA), /no part of a gem/],
  ['a device', tarOf(METADATA, DATA, { name: 'tty', type: '3' }), /no file, folder or link/],
  ['many parts', tarOf(...Array.from({ length: 20 }, () => METADATA)), /twice|more than 16/],
  [
    'metadata that are no gzip',
    tarOf({ name: 'metadata.gz', content: specOf('demo', '1.0') }, DATA),
    /metadata\.gz of the gem is not a gzip file/,
  ],
  [
    'metadata that are a bomb',
    tarOf({ name: 'metadata.gz', content: gzipSync(Buffer.alloc(5_000_000)) }, DATA),
    /unpacks to more than/,
  ],
  [
    'metadata with a second gzip member, which RubyGems does not read',
    tarOf({ name: 'metadata.gz', content: Buffer.concat([metadata, gzipSync('x: y\n')]) }, DATA),
    /metadata\.gz of the gem has bytes behind the end/,
  ],
  [
    'data with a second gzip member, which RubyGems does not read',
    tarOf(METADATA, { name: 'data.tar.gz', content: Buffer.concat([data, gzipSync(Buffer.alloc(1024))]) }),
    /data\.tar\.gz consists of several gzip files/,
  ],
  [
    'other metadata for those who do not read pax headers',
    tarOf(
      paxPart({ path: 'metadata.gz' }),
      { name: 'foo', content: metadata },
      DATA,
      paxPart({ path: 'metadata.gz.sig' }),
      { name: 'metadata.gz', content: gzipSync(specOf('other', '1.0')) },
    ),
    /another name than its own header/,
  ],
  [
    'a GNU long name',
    tarOf({ name: 'x', type: 'L', content: 'metadata.gz\0' }, { name: 'foo', content: metadata }, DATA),
    /another name than its own header/,
  ],
  [
    'checksums of other data',
    tarOf(METADATA, { name: 'data.tar.gz', content: tarGzOf({ name: 'x', content: 'y' }) }, CHECKSUMS),
    /SHA256 of data\.tar\.gz in the gem is not the one/,
  ],
  [
    'checksums of other metadata',
    tarOf({ name: 'metadata.gz', content: gzipSync(specOf('demo', '2.0')) }, DATA, CHECKSUMS),
    /SHA256 of metadata\.gz/,
  ],
  [
    'a wrong SHA512',
    tarOf(METADATA, DATA, { name: 'checksums.yaml.gz', content: wrong512 }),
    /The SHA512 of metadata\.gz/,
  ],
  ['checksums without the data', gem({ checksums: '---\nSHA256: {}\n' }), /no SHA256 and no SHA512 of metadata\.gz/],
  [
    'checksums of a file that is not there',
    gem({ checksums: '---\nSHA256:\n  other.gz: aa\n' }),
    /other\.gz, which the gem does not have/,
  ],
  ['checksums that are no YAML', gem({ checksums: '{{{' }), /not valid YAML/],
];

const inner: TCase[] = [
  [
    'a path that leads out',
    withFiles({ name: '../../etc/cron.d/x', content: 'x' }),
    /data\.tar\.gz contains a path that leads out/,
  ],
  ['an absolute path', withFiles({ name: '/etc/passwd', content: 'x' }), /leads out/],
  ['a backslash that leads out', withFiles({ name: '..\\x', content: 'x' }), /leads out/],
  ['a link that leads out', withFiles({ name: 'lib/x', type: '2', linkname: '../../../etc' }), /link that leads out/],
  ['an absolute link', withFiles({ name: 'lib/x', type: '2', linkname: '/etc/passwd' }), /link that leads out/],
  ['a hard link that leads out', withFiles({ name: 'lib/x', type: '1', linkname: '../x' }), /link that leads out/],
  [
    'a file below a link',
    withFiles({ name: 'lib', type: '2', linkname: 'ext' }, { name: 'lib/x.rb', content: 'x' }),
    /below a link/,
  ],
  ['a device', withFiles({ name: 'dev', type: '3' }), /no file, folder or link/],
  ['a pipe', withFiles({ name: 'pipe', type: '6' }), /no file, folder or link/],
  [
    'one path twice',
    withFiles({ name: 'lib/x.rb', content: '1' }, { name: 'lib/x.rb', content: '2' }),
    /has lib\/x\.rb twice/,
  ],
  [
    'one path twice, with a dot',
    withFiles({ name: 'lib/x.rb', content: '1' }, { name: './lib//x.rb', content: '2' }),
    /has lib\/x\.rb twice/,
  ],
  ['a name with a control character', withFiles({ name: 'a\u001b[2J', content: 'x' }), /control character/],
  ['a size in a pax header', withFiles(paxPart({ size: '1' }), { name: 'x', content: 'xx' }), /pax/],
  ['no gzip', gem({ data: tarOf({ name: 'x', content: 'x' }) }), /not a gzip file/],
  ['half a tar.gz', gem({ data: data.subarray(0, data.length >> 1) }), /gzip/],
  ['bytes behind its end', gem({ data: Buffer.concat([data, Buffer.from('x')]) }), /behind the end|not a gzip file/],
  ['a bomb', gem({ data: tarGzOf({ name: 'x', content: Buffer.alloc(80 * 1024 * 1024) }) }), /times its size/],
];

const names: TCase[] = [
  ['a path as the name', gem({ spec: specOf('../demo', '1.0') }), /not a name that a gem can have/],
  ['a slash in the name', gem({ spec: specOf('a/b', '1.0') }), /not a name/],
  ['a name for prototypes', gem({ spec: specOf('__proto__', '1.0') }), /not a name/],
  ['a control character in the name', gem({ spec: specOf('"a\\u0007b"', '1.0') }), /not a name/],
  ['an absurd version', gem({ spec: specOf('demo', '9'.repeat(10_000)) }), /^.{0,300}\n$/],
  ['a version that is a path', gem({ spec: specOf('demo', '1.0/../2') }), /not a version/],
  ['a platform that is a path', gem({ platform: '../java' }), /platform/],
  ['a foreign tag', gem({ spec: `${specOf('demo', '1.0')}x: !ruby/object:ERB {}\n` }), /class !ruby\/object:ERB/],
  [
    'bombs of aliases',
    gem({ spec: `${specOf('demo', '1.0')}a: &a [x,x,x,x,x,x]\nb: [${Array(101).fill('*a').join(',')}]\n` }),
    /100 aliases/,
  ],
];

t.test('bad gems are refused with a sentence, and leave nothing', async (t) => {
  const { writer, everything } = await gemWorld(t);
  const before = await everything();
  const all = { outer, 'the data': inner, 'the gemspec': names };
  for (const [where, cases] of Object.entries(all)) {
    for (const [what, bytes, says] of cases) {
      const answer = await writer.push({ bytes });
      t.ok([400, 413].includes(answer.status), `${where}, ${what}: ${answer.status} ${answer.text.slice(0, 200)}`);
      t.match(answer.text, says, `${where}, ${what}`);
      t.match(answer.headers['Content-Type'], /^text\/plain/);
      t.same(await everything(), before, `${where}, ${what}: nothing is stored`);
    }
  }
  t.equal((await writer.push({ bytes: good })).status, 200, 'a good one');
});

t.test('gems that are odd but sound are accepted', async (t) => {
  const { writer } = await gemWorld(t);
  const options = (number: number): IGemOptions & { version: string } => ({ version: `${number}.0` });
  const sound: [what: string, make: (version: string) => Buffer][] = [
    ['without checksums, as RubyGems 1 wrote it', (v) => gemOf('demo', v, { checksums: null }).bytes],
    ['with the data first', (v) => tarOf(DATA, { name: 'metadata.gz', content: gzipSync(specOf('demo', v)) })],
    [
      'signed',
      (v) =>
        gemOf('demo', v, {
          more: ['metadata.gz', 'data.tar.gz', 'checksums.yaml.gz'].map((name) => ({
            name: `${name}.sig`,
            content: 'signature',
          })),
        }).bytes,
    ],
    [
      'with a link inside',
      (v) =>
        gemOf('demo', v, {
          data: tarGzOf(
            { name: 'README.md', content: 'x' },
            { name: 'lib/readme', type: '2', linkname: '../README.md' },
          ),
        }).bytes,
    ],
    [
      'with times in pax headers, as bsdtar writes them',
      (v) =>
        tarOf(paxPart({ mtime: '1700000000.5' }), { name: 'metadata.gz', content: gzipSync(specOf('demo', v)) }, DATA),
    ],
    ['without any file', (v) => gemOf('demo', v, { data: tarGzOf() }).bytes],
    ['of 3 MB', (v) => gemOf('demo', v, { files: { 'big.bin': Buffer.alloc(3_000_000, 'random') } }).bytes],
  ];
  for (const [at, [what, make]] of sound.entries()) {
    const answer = await writer.push({ bytes: make(options(at + 1).version) });
    t.equal(answer.status, 200, `${what}: ${answer.text}`);
  }
});

t.test('bad forms', async (t) => {
  const { writer, everything } = await gemWorld(t);
  const before = await everything();
  const part = gemPart(gemOf('demo', '1.0'));
  for (const [what, parts, says] of [
    ['no gem', [{ name: 'attestations', value: '[]' }], /no file in the part gem/],
    ['two gems', [part, part], /two gems/],
    ['a gem as a field', [{ name: 'gem', value: 'x' }], /no file in the part gem/],
  ] as const) {
    const answer = await writer.pushForm([...parts]);
    t.match(answer, { status: 400, text: says }, what);
  }
  t.same(await everything(), before);
});

t.test('parts of a gem at their limits', async (t) => {
  const { writer } = await gemWorld(t);
  const KIB = 1024;
  const statusOf = async (bytes: Buffer): Promise<[number, string]> => {
    const { status, text } = await writer.push({ bytes });
    return [status, text];
  };
  const tooLarge = (what: RegExp, [status, text]: [number, string]) => {
    t.ok(status === 400 || status === 413, `${status} ${text}`);
    t.match(text, what);
  };
  let version = 0;
  const withSignature = (name: string, size: number) =>
    statusOf(gemOf('demo', `${++version}`, { more: [{ name, content: Buffer.alloc(size) }] }).bytes);
  for (const name of ['metadata.gz.sig', 'data.tar.gz.sig', 'checksums.yaml.gz.sig']) {
    t.equal((await withSignature(name, 64 * KIB))[0], 200, name);
    tooLarge(/\.sig/, await withSignature(name, 64 * KIB + 1));
  }
  // a comment fills the text
  const withChecksums = (size: number) => {
    const gem = gemOf('demo', `${++version}`);
    const spec = gzipSync(gem.spec);
    const files = tarGzOf({ name: 'x', content: 'x' });
    const text = checksumsOf({ 'metadata.gz': spec, 'data.tar.gz': files });
    return statusOf(
      tarOf(
        { name: 'metadata.gz', content: spec },
        { name: 'data.tar.gz', content: files },
        { name: 'checksums.yaml.gz', content: gzipSync(`${text}#${'c'.repeat(size - text.length - 1)}`) },
      ),
    );
  };
  t.equal((await withChecksums(64 * KIB))[0], 200);
  tooLarge(/checksums\.yaml\.gz of the gem unpacks to more than 65536 bytes/, await withChecksums(64 * KIB + 1));
  const noise = Buffer.alloc(64 * KIB + 1, 'random');
  tooLarge(/checksums\.yaml\.gz/, await statusOf(tarOf(METADATA, DATA, { name: 'checksums.yaml.gz', content: noise })));
  // the list of files is cut out before anything else is counted
  const withFiles_ = (size: number) => {
    const line = `- ${'f'.repeat(97)}\n`;
    const spec = specOf('demo', `${++version}`);
    const rest = size - spec.length;
    const lines = `${line.repeat(Math.floor(rest / 100) - 1)}- ${'f'.repeat((rest % 100) + 97)}\n`;
    const text = spec.replace(/^files:\n/m, `files:\n${lines}`);
    t.equal(text.length, size);
    return statusOf(tarOf({ name: 'metadata.gz', content: gzipSync(text) }, DATA));
  };
  t.equal((await withFiles_(4 * KIB * KIB))[0], 200);
  tooLarge(/metadata\.gz of the gem unpacks to more than 4194304 bytes/, await withFiles_(4 * KIB * KIB + 1));
});

t.test('limits of the registry', async (t) => {
  const files = { 'big.txt': 'x'.repeat(100_000) };
  const gem = gemOf('demo', '1.0', { files });
  const { writer } = await gemWorld(t, { limits: { maxArtifactSize: gem.bytes.length } });
  t.equal((await writer.push({ bytes: Buffer.concat([gem.bytes, Buffer.alloc(1)]) })).status, 413);
  t.equal((await writer.push(gem)).status, 200, 'a gem of the largest size');
  const narrow = await gemWorld(t, { limits: { maxUnpackedSize: 50_000 } });
  t.match(await narrow.writer.push(gem), { status: 413, text: /data\.tar\.gz/ });
  t.equal((await narrow.writer.push(gemOf('demo', '1.0', { files: { 'a.txt': 'x'.repeat(40_000) } }))).status, 200);
  // the outer archive is not unpacked: it may be larger than what a gem unpacks to
  const signed = gemOf('demo', '2.0', { more: [{ name: 'metadata.gz.sig', content: Buffer.alloc(60_000) }] });
  t.equal((await narrow.writer.push(signed)).status, 200);
});
