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

t.test('for how long a caller has a document', async (t) => {
  let ms = 1_000_000;
  const handedOut = new HandedOut(() => new Date(ms), false);
  handedOut.note('ann', digests('one'));
  const after = (passed: number) => {
    ms = 1_000_000 + passed;
    return handedOut.digestFor('ann', 'sha1');
  };
  t.equal(after(60_000), 'one');
  t.equal(after(60_001), undefined);
  t.equal(after(-60_000), 'one', 'a clock that was set back');
  t.equal(after(-60_001), undefined);
});

t.test('each checksum is sent once, until the caller reads the document again', async (t) => {
  const handedOut = new HandedOut(() => new Date(), false);
  handedOut.note('ann', digests('one'));
  handedOut.note('bob', digests('two'));
  handedOut.taken('ann', 'sha1');
  handedOut.taken('nobody', 'sha1');
  t.equal(handedOut.digestFor('ann', 'sha1'), undefined);
  for (const algorithm of ['md5', 'sha256', 'sha512'] as const) t.equal(handedOut.digestFor('ann', algorithm), 'one');
  t.equal(handedOut.digestFor('bob', 'sha1'), 'two');
  t.equal(handedOut.digestFor('nobody', 'md5'), undefined);
  handedOut.note('ann', digests('three'));
  t.equal(handedOut.digestFor('ann', 'sha1'), 'three');
});

t.test('callers are told apart', async (t) => {
  interface IAsked {
    path?: string;
    token?: object | null;
    agent?: string | null;
    ip?: string | undefined;
    forwarded?: string;
    trusted?: boolean;
  }
  const nameOf = ({
    path = '/g/a/maven-metadata.xml',
    token = null,
    agent = 'mvn',
    ip,
    forwarded,
    trusted,
  }: IAsked) => {
    const call = { path, token, header: (name: string) => (name === 'user-agent' ? (agent ?? undefined) : undefined) };
    const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
    const context = { method: 'GET', path, headers, query: {}, ...(ip !== undefined && { actor: { ip } }) };
    return new HandedOut(() => new Date(), trusted ?? false).callersOf(call as never)(context as never);
  };
  const same = nameOf({});
  t.equal(nameOf({ path: '/g/a/maven-metadata.xml.sha1' }), same, 'the document and its checksum');
  t.equal(nameOf({ forwarded: '192.0.2.1' }), same, 'a header that is not trusted');
  t.equal(nameOf({ token: { userId: 'ann' } }), nameOf({ token: { userId: 'ann' } }));
  const others = [
    {},
    { path: '/g/b/maven-metadata.xml' },
    { token: { userId: 'ann' } },
    { token: { userId: 'bob' } },
    { token: { userId: 'ann', tokenId: '1' } },
    { token: { userId: 'ann', tokenId: '2' } },
    { agent: 'gradle' },
    { agent: null },
    { ip: '192.0.2.1' },
    { ip: '192.0.2.2' },
    { forwarded: '192.0.2.3', trusted: true },
  ].map(nameOf);
  t.equal(new Set(others).size, others.length, others.join('\n'));
});
