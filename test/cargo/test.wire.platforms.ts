import t from 'tap';
import { assertPlatform } from '../../ts/cargo/wire/wire.platforms.js';
import { refusal } from '../support/npm/packages.js';

// each was put into an index for cargo 1.95, which finds the version or calls its entry invalid
t.test('platforms are those that cargo reads', async (t) => {
  const right = [
    '',
    'x86_64-unknown-linux-gnu',
    'custom.json',
    'ä',
    'cfg(unix)',
    'cfg( unix )',
    'cfg(true)',
    'cfg(r#true)',
    'cfg(feature = "x")',
    'cfg(true = "x")',
    'cfg(target_os="")',
    'cfg(any())',
    'cfg(any(unix,))',
    'cfg(all(unix, not(target_os = "macos"), any(a, b = "c,)")))',
  ];
  for (const platform of right) t.equal(assertPlatform(platform), platform);
  const wrong = [
    'not a target!',
    'a/b',
    ' x',
    'x\n',
    'cfg(',
    'cfg()',
    ' cfg(unix) ',
    'cfg(unix))',
    'cfg((unix))',
    'cfg(unix, windows)',
    'cfg(unix windows)',
    'cfg(\tunix\n)',
    'cfg(unix /* x */)',
    'cfg(a-b)',
    'cfg(1a)',
    'cfg(r#1)',
    'cfg(ä)',
    'cfg(a = b)',
    'cfg(a = )',
    'cfg(= "b")',
    'cfg("b")',
    'cfg(a = "b)',
    'cfg(a = "x\\"y")',
    'cfg(all)',
    'cfg(not)',
    'cfg(not())',
    'cfg(not(a, b))',
    'cfg(not(a,))',
    'cfg(any(,))',
    'cfg(any(a,,b))',
    'cfg(any(a b))',
    'cfg(any(a)',
    'cfg(ANY(a))',
    'cfg(foo(a))',
  ];
  const message = /^`.*` is not a valid platform: a target or `cfg\(…\)` is$/s;
  for (const platform of wrong) t.throws(() => assertPlatform(platform), refusal('invalid', { message }), platform);
  const nested = (levels: number) => `cfg(${'not('.repeat(levels)}a${')'.repeat(levels)})`;
  t.equal(assertPlatform(nested(128)), nested(128));
  for (const levels of [129, 16_000]) t.throws(() => assertPlatform(nested(levels)), refusal('invalid'));
});
