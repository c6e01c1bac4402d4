import { randomBytes } from 'node:crypto';
import t from 'tap';
import { assertDistinctNames } from '../../../ts/core/archives/tar/helpers.distinctnames.js';
import { inspectTar } from '../../../ts/core/archives/tar/helpers.tar.js';
import { inspectTarGz } from '../../../ts/core/archives/tar/helpers.targz.js';
import type { ITarRules, TTarVisitor } from '../../../ts/core/archives/tar/interfaces.tar.js';
import { collect, inPieces } from '../../support/archives/pieces.js';
import { tarGzOf, tarOf } from '../../support/archives/tars.js';

const RULES: ITarRules = { noun: 'The box', maxUnpackedSize: 10e6, links: 'refuse', strict: true };
const BIG = randomBytes(3_000_000);
const INNER = tarGzOf({ name: 'a', content: BIG }, { name: 'b', content: 'b' });

/** Reads small entries, and opens the archive inside without keeping it. */
const visit: TTarVisitor<string[]> = async (entries) => {
  const seen: string[] = [];
  for await (const entry of entries) {
    if (entry.path !== 'inner.tar.gz') {
      seen.push(`${entry.path}: ${await entry.bytes(100)}`);
      continue;
    }
    const inner = inspectTarGz(
      entry.content(),
      { ...RULES, noun: 'The inner box' },
      assertDistinctNames('The inner box'),
      () => seen.push('inner'),
    );
    for await (const _ of inner);
  }
  return seen;
};

const read = async (bytes: Buffer, size: number): Promise<string[]> => {
  let found: string[] | undefined;
  const passed = await collect(
    inspectTar(inPieces(bytes, size), RULES, visit, (seen) => {
      found = seen;
    }),
  );
  if (!passed.equals(bytes)) throw new Error('other bytes came out');
  return found as string[];
};

const box = (inner = INNER): Buffer =>
  tarOf({ name: 'first', content: '1' }, { name: 'inner.tar.gz', content: inner }, { name: 'last', content: '2' });

t.test('an archive in an archive is inspected while it passes by', async (t) => {
  for (const size of [700, 65_536, 1e8]) t.same(await read(box(), size), ['first: 1', 'inner', 'last: 2'], `${size}`);
});

t.test('what is wrong inside, outside, or cut off ends the iteration', async (t) => {
  const cases: [what: string, bytes: Buffer, says: RegExp][] = [
    [
      'the inner archive is damaged',
      box(Buffer.concat([INNER.subarray(0, 1_000_000), randomBytes(1000)])),
      /The inner box/,
    ],
    [
      'the inner archive has a name twice',
      box(tarGzOf({ name: 'a', content: '1' }, { name: 'a', content: '2' })),
      /has a twice/,
    ],
    ['it is cut inside the inner archive', box().subarray(0, 1_000_000), /The box|The inner box/],
    ['it is cut behind the inner archive', box().subarray(0, -1500), /The box/],
    ['it ends one byte early', box().subarray(0, -1), /damaged|cut short/],
    ['it is cut between two entries', box().subarray(0, 1024), /cut short/],
    ['it is no archive', randomBytes(10_000), /The box/],
    ['it has a link', tarOf({ name: 'l', type: '2', linkname: 'x' }), /contains a link/],
    ['an entry is too large', tarOf({ name: 'first', content: 'x'.repeat(101) }), /too large/],
    [
      'there is content behind its end',
      Buffer.concat([box(), tarOf({ name: 'x', content: 'x' })]),
      /content behind its end/,
    ],
  ];
  for (const [what, bytes, says] of cases) {
    for (const size of [700, 65_536, 1e8]) await t.rejects(read(bytes, size), says, `${what}, ${size}`);
  }
});

t.test('leaving early releases everything', async (t) => {
  let isClosed = false;
  async function* source() {
    try {
      yield* inPieces(box(), 1000);
    } finally {
      isClosed = true;
    }
  }
  for await (const _ of inspectTar(source(), RULES, visit, () => t.fail('it was not read to its end'))) break;
  t.ok(isClosed);
});

t.test('a name may be there once, whatever its spelling', async (t) => {
  const inspect = (archive: Buffer) =>
    collect(
      inspectTarGz(
        inPieces(archive, 1e6),
        { ...RULES, links: 'inside' },
        assertDistinctNames('The box'),
        () => undefined,
      ),
    );
  const file = (name: string) => ({ name, content: 'x' });
  await inspect(tarGzOf(file('a'), file('A'), file('b/a'), { name: 'b', type: '5' }, { name: 'b/', type: '5' }));
  await t.rejects(inspect(tarGzOf(file('b/a'), file('./b//a'))), /The box has b\/a twice/);
  await t.rejects(inspect(tarGzOf(file('a'), { name: 'a', type: '2', linkname: 'b' })), /twice|same name/);
});
