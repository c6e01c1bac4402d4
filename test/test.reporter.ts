import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import t from 'tap';
// a plain module, because the runner loads it without a loader for TypeScript
import Reporter from './support/reporter.mjs';

const TAP = `TAP version 14
1..3
# Subtest: test/good.ts
    # Subtest: one
        ok 1 - a
        ok 2 - b
        1..2
    ok 1 - one # time=1ms
    # measured: 5 ms
    1..1
ok 1 - test/good.ts # time=1500ms
# Subtest: test/bad.ts
    # Subtest: two
        ok 1 - c
        not ok 2 - d
          ---
          diff: |
            -1
            +2
          ...
        1..2
        # failed 1 of 2 tests
    not ok 1 - two # time=1ms
    ok 2 - three # SKIP no S3 server here
    # Subtest: four
        ok 1 - uploads # SKIP no S3 server here
        1..1
    ok 3 - four
    ok 4 - five # SKIP deno is not installed
    1..4
    # failed 1 of 4 tests
not ok 2 - test/bad.ts # time=100ms
# Subtest: test/ended.ts
    ok 1 - e
    1..1
not ok 3 - test/ended.ts # time=100ms
  ---
  exitCode: 3
  ...
# failed 2 of 3 tests
`;

t.test('a line for each file, what failed, the sum, and last what was skipped and why', async (t) => {
  const printed = await text(Readable.from([TAP.slice(0, 300), TAP.slice(300)]).pipe(new Reporter()));
  const lines = printed.split('\n').map((line) => line.replace(/ in \d+ s$/, ' in N s'));
  t.same(lines, [
    '  test/good.ts: measured: 5 ms',
    'ok test/good.ts: 2 passed, 0 failed, 0 skipped in 1.5 s',
    'not ok test/bad.ts > two > d',
    '    diff:',
    '    -1',
    '    +2',
    'FAILED test/bad.ts: 1 passed, 1 failed, 3 skipped in 0.1 s',
    'not ok test/ended.ts',
    '    exitCode: 3',
    'FAILED test/ended.ts: 1 passed, 1 failed, 0 skipped in 0.1 s',
    '',
    'failed:',
    '  test/bad.ts > two > d',
    '  test/ended.ts',
    '',
    '4 passed, 2 failed, 3 skipped in N s',
    '',
    'skipped:',
    '  no S3 server here',
    '    test/bad.ts > three',
    '    test/bad.ts > four > uploads',
    '  deno is not installed',
    '    test/bad.ts > five',
    '',
  ]);
});
