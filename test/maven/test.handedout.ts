import t from 'tap';
import { HandedOut } from '../../ts/maven/classes.handedout.js';
import type { TDigests } from '../../ts/maven/wire/wire.checksums.js';

const digests = (text: string): TDigests => ({ md5: text, sha1: text, sha256: text, sha512: text });

t.test('callers with long names do not fill the memory', async (t) => {
  const handedOut = new HandedOut(() => new Date(), false);
  const caller = (at: number) => `${at} ${'x'.repeat(15_000)}`;
  for (let at = 0; at < 1000; at++) handedOut.note(caller(at), digests(`${at}`));
  t.equal(handedOut.digestFor(caller(999), 'sha1'), '999');
  t.equal(handedOut.digestFor(caller(0), 'sha1'), undefined, '30 MB of names are not kept');
});

t.test('thousands of callers with usual names are remembered', async (t) => {
  const handedOut = new HandedOut(() => new Date(), false);
  const caller = (at: number) => `/maven/org/acme/lib ${at} Apache-Maven/3.9.11 (Java 17; Linux)`;
  for (let at = 0; at < 5000; at++) handedOut.note(caller(at), digests(`${at}`));
  t.equal(handedOut.digestFor(caller(0), 'md5'), '0');
});
