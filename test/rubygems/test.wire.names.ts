import t from 'tap';
import { gemKey, ownerOf } from '../../ts/rubygems/keys.rubygems.js';
import { slugOf } from '../../ts/rubygems/wire/wire.addresses.js';
import { parseGemspec } from '../../ts/rubygems/wire/wire.gemspec.js';
import { isGemName, splitBuildName } from '../../ts/rubygems/wire/wire.names.js';
import { parsePlatform, platformText } from '../../ts/rubygems/wire/wire.platforms.js';
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
  t.same(choices('-1.0'), []);
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
