import t from 'tap';
import { gemKey, ownerOf } from '../../ts/rubygems/keys.rubygems.js';
import { slugOf } from '../../ts/rubygems/wire/wire.addresses.js';
import { parseGemspec } from '../../ts/rubygems/wire/wire.gemspec.js';
import {
  addressIn,
  assertGemName,
  isDependencyName,
  isGemName,
  quoted,
  splitBuildName,
} from '../../ts/rubygems/wire/wire.names.js';
import { canonicalPlatform, parsePlatform, platformText } from '../../ts/rubygems/wire/wire.platforms.js';
import { gemSpec } from '../support/rubygems/documents.js';
import { specOf } from '../support/rubygems/gems.js';

t.test('names that a gem can have', async (t) => {
  for (const name of ['a', 'rails', 'RedCloth', 'net-http2', 'a_b', 'x.y', '7zip_ruby']) t.ok(isGemName(name), name);
  const wrong = ['', '123', '.a', '-a', '_a', 'a b', 'a/b', 'a\\b', '../a', 'a\n', 'ä', '__proto__', 'a'.repeat(129)];
  for (const name of wrong) t.notOk(isGemName(name), name.slice(0, 20));
});

t.test('a file name can mean builds of several gems', async (t) => {
  const choices = (text: string) => splitBuildName(text).map(({ name, slug }) => `${name} ${slug}`);
  t.same(choices('rails-7.0.1'), ['rails 7.0.1']);
  t.same(choices('net-http2-0.18'), ['net-http2 0.18']);
  t.same(choices('nokogiri-1.15.0-x86_64-linux'), ['nokogiri 1.15.0-x86_64-linux']);
  t.same(choices('a-2-x86-darwin-9'), ['a-2-x86-darwin 9', 'a 2-x86-darwin-9']);
  t.same(choices('a-1.0-12345678'), ['a-1.0 12345678', 'a 1.0-12345678']);
  t.same(choices('a-1.0-78be552b'), ['a 1.0-78be552b']);
  t.same(choices('rails'), []);
  for (const odd of ['-1.0', '_a-1.0', '123-1.0', 'a b-1.0']) t.same(choices(odd), [], odd);
  t.equal(splitBuildName(`a${'-1'.repeat(100)}`).length, 8, 'not one look-up for each dash of a long name');
});

t.test('a key says whose artifact it is, whatever the names are', async (t) => {
  const id = '.01234567-89ab-cdef-0123-456789abcdef';
  const gems: [gem: string, slug: string][] = [
    ['rails', '7.0.1'],
    ['a', '2-x86-darwin-9'],
    ['a-2-x86-darwin', '9'],
    ['a', '1.0-12345678'],
    ['a-1.0', '12345678'],
    ['foo.gem', '1.0'],
    ['x.gem.attestations', '1.0-x86_64-linux'],
  ];
  for (const [gem, slug] of gems) {
    for (const suffix of ['', '.attestations', id, `.attestations${id}`]) {
      t.equal(ownerOf(gemKey(gem, slug) + suffix), `rubygems/info/${gem}`, gemKey(gem, slug) + suffix);
    }
  }
  const keys = gems.map(([gem, slug]) => gemKey(gem, slug));
  t.equal(new Set(keys).size, keys.length, 'no two have one key');
  t.equal(gemKey('rails', '7.0.1'), 'rubygems/gems/rails-7.0.1.gem');
  t.equal(gemKey('a-2-x86-darwin', '9'), 'rubygems/gems/a-2-x86-darwin-9.gem', 'the longer name has the plain key');
  t.equal(gemKey('a', '2-x86-darwin-9'), 'rubygems/gems/a=2-x86-darwin-9.gem');
});

t.test('platforms are read as Gem::Platform reads them', async (t) => {
  // RubyGems' own tests (test_gem_platform.rb)
  const cases: [text: string, parts: (string | null)[]][] = [
    ['amd64-freebsd6', ['amd64', 'freebsd', '6']],
    ['hppa2.0w-hpux11.31', ['hppa2.0w', 'unknown', null]],
    ['java', [null, 'java', null]],
    ['jruby', [null, 'java', null]],
    ['universal-dotnet', ['universal', 'dotnet', null]],
    ['universal-dotnet2.0', ['universal', 'dotnet', '2.0']],
    ['powerpc-aix5.3.0.0', ['powerpc', 'aix', '5']],
    ['powerpc-darwin7', ['powerpc', 'darwin', '7']],
    ['powerpc-linux', ['powerpc', 'linux', null]],
    ['i486-linux', ['x86', 'linux', null]],
    ['i386-mswin32', ['x86', 'mswin32', null]],
    ['i386-mswin32_80', ['x86', 'mswin32', '80']],
    ['i386-mswin32-80', ['x86', 'mswin32', '80']],
    ['mswin32', ['x86', 'mswin32', null]],
    ['x86-mingw32', ['x86', 'mingw32', null]],
    ['x64-mingw-ucrt', ['x64', 'mingw', 'ucrt']],
    ['x86_64-linux', ['x86_64', 'linux', null]],
    ['x86_64-linux-gnu', ['x86_64', 'linux', 'gnu']],
    ['x86_64-linux-musl', ['x86_64', 'linux', 'musl']],
    ['arm-linux-eabi', ['arm', 'linux', 'eabi']],
    ['x86_64-openbsd3.9', ['x86_64', 'openbsd', '3.9']],
    ['wasm32-wasi', ['wasm32', 'wasi', null]],
    ['arm64-darwin-22', ['arm64', 'darwin', '22']],
    ['i386-test_platform', ['x86', 'test_platform', null]],
  ];
  for (const [text, [cpu, os, version]] of cases) t.same(parsePlatform(text), { cpu, os, version }, text);
  t.equal(platformText(parsePlatform('i686-linux')!), 'x86-linux');
  t.equal(parsePlatform('ruby'), null);
  for (const wrong of ['../x', 'a/b', 'a b', 'a\nb', 'a\0', '-linux', 'x'.repeat(65), 'a|b', 'a,b', 'a:b']) {
    t.throws(() => parsePlatform(wrong), /The platform of the gem/, wrong.slice(0, 20));
  }
});

t.test('a build is called after its platform, or after its content', async (t) => {
  const hex = '78be552b'.padEnd(64, '0');
  const plain = parseGemspec(specOf('x', '1.0', { platform: 'x86_64-linux' }));
  const forOne = parseGemspec(
    specOf('x', '1.0', { platform: 'x86_64-linux', requiredRuby: ['~> 3.4.0'], requiredRubygems: ['>= 4.1.0.beta1'] }),
  );
  const narrow = parseGemspec(specOf('x', '1.0', { platform: 'x86_64-linux', requiredRuby: ['~> 3.4.0'] }));
  t.same(slugOf(plain, hex, undefined), { slug: '1.0-x86_64-linux' });
  t.same(slugOf(plain, hex, 'anything.gem'), { slug: '1.0-x86_64-linux' }, 'the gemspec decides');
  t.same(slugOf(narrow, hex, undefined), { slug: '1.0-x86_64-linux' }, 'older clients read it');
  t.same(slugOf(narrow, hex, 'x-1.0-78be552b.gem'), { slug: '1.0-78be552b', contentAddressed: true });
  t.same(slugOf(narrow, hex, 'x-1.0-78be552b00.gem'), { slug: '1.0-78be552b00', contentAddressed: true });
  t.same(slugOf(forOne, hex, undefined), { slug: '1.0-78be552b', contentAddressed: true });
  t.same(slugOf(forOne, hex, 'x-1.0-x86_64-linux.gem'), { slug: '1.0-x86_64-linux' });
  t.throws(() => slugOf(narrow, hex, 'x-1.0-aaaaaaaa.gem'), /whose sha256 begins with aaaaaaaa/);
  t.throws(() => slugOf(plain, hex, 'x-1.0-78be552b.gem'), /every platform or every Ruby/);
});

t.test('names and slugs at their limits', async (t) => {
  t.ok(isGemName('a'.repeat(128)));
  for (const name of ['_a', '-a', '.a', '123', '_', 'A-Z_0.9', 'a'.repeat(128)]) t.ok(isDependencyName(name), name);
  for (const name of ['', 'a b', 'a/b', 'a,b', 'a:b', 'a\n', 'ä', 'a'.repeat(129)])
    t.notOk(isDependencyName(name), name);
  for (const [slug, address] of [
    ['1.0-78be552b', '78be552b'],
    ['1.0-'.padEnd(68, 'a'), 'a'.repeat(64)],
    ['1.0-'.padEnd(69, 'a'), undefined],
    ['1.0-78be552', undefined],
    ['1.0-78be552g', undefined],
    ['1.0-78BE552B', undefined],
    ['1.0-78be552b-x', undefined],
    ['1.0-x-78be552b', undefined],
    ['78be552b', undefined],
  ] as const) {
    t.equal(addressIn(slug), address, slug);
  }
  t.equal(assertGemName('rails'), 'rails');
  t.throws(() => assertGemName('../a'), { kind: 'invalid', message: /^"\.\.\/a" is not a name that a gem can have/ });
});

t.test('texts from outside in messages', async (t) => {
  t.equal(quoted('a"b'), '"a"b"');
  t.equal(quoted('a\0\n\x1f\x7fb'), '"a????b"');
  t.equal(quoted('x'.repeat(80)), `"${'x'.repeat(80)}"`);
  t.equal(quoted('x'.repeat(81)), `"${'x'.repeat(80)}…"`);
});

t.test('each system that RubyGems knows', async (t) => {
  // the rows of Gem::Platform#initialize
  const cases: [text: string, parts: (string | null)[]][] = [
    ['powerpc-aix', ['powerpc', 'aix', null]],
    ['powerpc-aix-5', ['powerpc', 'aix', '5']],
    ['i386-cygwin', ['x86', 'cygwin', null]],
    ['x86_64-cygwin64', ['x86_64', 'cygwin', null]],
    ['universal-darwin', ['universal', 'darwin', null]],
    ['darwin20', [null, 'darwin', '20']],
    ['universal-macruby', ['universal', 'macruby', null]],
    ['universal-macruby-0.10', ['universal', 'macruby', '0.10']],
    ['universal-macruby1', ['universal', 'macruby', '1']],
    ['x86-freebsd', ['x86', 'freebsd', null]],
    ['x86-freebsd-13', ['x86', 'freebsd', '13']],
    ['java1.8', [null, 'java', '1.8']],
    ['universal-java-11', ['universal', 'java', '11']],
    ['universal-jruby', ['universal', 'java', null]],
    ['xjava', [null, 'unknown', null]],
    ['javax', [null, 'java', null]],
    ['dalvik', [null, 'dalvik', null]],
    ['dalvik-9', ['dalvik', 'unknown', null]],
    ['arm-dalvik9', ['arm', 'dalvik', '9']],
    ['arm-dalvik-9', ['arm', 'dalvik', '9']],
    ['arm-dalvik9x', ['arm', 'unknown', null]],
    ['dotnet', [null, 'dotnet', null]],
    ['dotnet4.0', [null, 'dotnet', '4.0']],
    ['x86-dotnet-2.0.1', ['x86', 'dotnet', '2.0.1']],
    ['x86-xdotnet', ['x86', 'unknown', null]],
    ['linux', [null, 'linux', null]],
    ['x86-linux2', ['x86', 'linux', '2']],
    ['x64-mingw32', ['x64', 'mingw32', null]],
    ['x64-mingw', ['x64', 'mingw', null]],
    ['aarch64-mingw-ucrt', ['aarch64', 'mingw', 'ucrt']],
    ['mingw32', [null, 'mingw32', null]],
    ['x64-mswin64', ['x64', 'mswin64', null]],
    ['x64-mswin64_140', ['x64', 'mswin64', '140']],
    ['mswin64', [null, 'mswin64', null]],
    ['mswin32_80', ['x86', 'mswin32', '80']],
    ['x86-netbsdelf', ['x86', 'netbsdelf', null]],
    ['x86-openbsd', ['x86', 'openbsd', null]],
    ['x86-openbsd-3.9', ['x86', 'openbsd', '3.9']],
    ['sparc-solaris', ['sparc', 'solaris', null]],
    ['i386-solaris2.8', ['x86', 'solaris', '2.8']],
    ['i386-solaris-2.8', ['x86', 'solaris', '2.8']],
    ['wasm32-wasi-x', ['wasm32', 'wasi', null]],
    ['x86-my_platform-3', ['x86', 'my_platform', '3']],
    ['x86-my_platform4', ['x86', 'my_platform', '4']],
    ['x86-haiku', ['x86', 'unknown', null]],
    ['java-', [null, 'java', null]],
    ['x86_64-linux--', ['x86_64', 'linux', null]],
    ['i786-linux', ['x86', 'linux', null]],
    ['ai686b-linux', ['x86', 'linux', null]],
    ['I686-linux', ['I686', 'linux', null]],
    ['a+b-linux', ['a+b', 'linux', null]],
    [`${'a'.repeat(58)}-linux`, ['a'.repeat(58), 'linux', null]],
  ];
  for (const [text, [cpu, os, version]] of cases) t.same(parsePlatform(text), { cpu, os, version }, text);
  t.throws(() => parsePlatform(`${'a'.repeat(59)}-linux`), { kind: 'invalid', message: /or it is too long$/ });
  t.equal(parsePlatform(''), null);
  for (const [text, canonical] of [
    ['', 'ruby'],
    ['ruby', 'ruby'],
    ['i686-linux', 'x86-linux'],
    ['java1.8', 'java1.8'],
    ['jruby', 'java'],
    ['x86_64-linux-musl', 'x86_64-linux-musl'],
    ['x64-mingw-ucrt', 'x64-mingw-ucrt'],
    ['i386-mswin32_80', 'x86-mswin32-80'],
    ['Ruby', 'unknown'],
  ] as const) {
    t.equal(canonicalPlatform(text), canonical, text);
  }
  t.equal(platformText({ cpu: 'x86', os: 'linux', version: '' }), 'x86-linux');
});

t.test('which gems are built for one Ruby', async (t) => {
  const hex = '78be552b'.padEnd(64, '0');
  const slug = (ruby: string[], rubygems: string[], platform = 'x86_64-linux', filename?: string) =>
    slugOf(
      gemSpec('x', '1.0', { platform, requiredRubyVersion: ruby, requiredRubygemsVersion: rubygems }),
      hex,
      filename,
    );
  const own = { slug: '1.0-78be552b', contentAddressed: true };
  const plain = { slug: '1.0-x86_64-linux' };
  for (const [ruby, rubygems, expected] of [
    [['~> 3.4.0'], ['>= 4.1.0.a'], own],
    [['~> 3.4.0'], ['>= 4.1.0'], own],
    [['~> 10.12.0'], ['> 1', '>= 5'], own],
    [['~> 3.4.0'], ['>= 4.0.9'], plain],
    [['~> 3.4.0'], ['> 4.1.0'], plain],
    [['~> 3.4.0'], ['~> 4.1.0'], plain],
    [['~> 3.4.1'], ['>= 4.1.0'], plain],
    [['~> 3.4'], ['>= 4.1.0'], plain],
    [['~> 3.4.0.0'], ['>= 4.1.0'], plain],
    [['= 3.4.0'], ['>= 4.1.0'], plain],
    [['~> 3.4.0', '< 3.4.9'], ['>= 4.1.0'], plain],
    [['>= 0'], ['>= 4.1.0'], plain],
  ] as const) {
    t.same(slug([...ruby], [...rubygems]), expected, `${ruby} ${rubygems}`);
  }
  t.same(slug(['~> 3.4.0'], ['>= 4.1.0'], 'ruby'), { slug: '1.0' });
  t.same(slug(['>= 0', '< 4'], ['>= 0'], 'java', 'x-1.0-78be552b.gem'), own, 'any condition on Ruby');
  const message = 'The file is called after its content, but the gem is for every platform or every Ruby: call it ';
  t.throws(() => slug(['~> 3.4.0'], ['>= 0'], 'ruby', 'x-1.0-78be552b.gem'), { message: `${message}x-1.0.gem` });
  t.throws(() => slug(['>= 0'], ['>= 0'], 'java', 'x-1.0-78be552b.gem'), { message: `${message}x-1.0-java.gem` });
  t.throws(() => slug(['~> 3.4.0'], ['>= 0'], 'java', 'x-1.0-00000000.gem'), { message: /begins with 00000000, but/ });
  for (const filename of ['y-1.0-78be552b.gem', 'x-1.0-78be552b.zip', 'x-1.1-78be552b.gem', 'x-1.0-78be55.gem', '']) {
    t.same(slug(['~> 3.4.0'], ['>= 0'], undefined, filename), plain, filename);
  }
});
