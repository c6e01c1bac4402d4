import t from 'tap';
import { streamToBuffer } from '../../../ts/core/base/helpers.streams.js';
import { parseRanges, resolveRanges, respondPart } from '../../../ts/core/pipeline/serving/helpers.ranges.js';
import { ofKind } from '../../support/expect.js';

t.test('byte ranges are read as RFC 9110 says', async (t) => {
  t.same(parseRanges('bytes=0-9'), [{ start: 0, end: 9 }]);
  t.same(parseRanges('bytes=5-'), [{ start: 5 }]);
  t.same(parseRanges('bytes=-100'), [{ suffix: 100 }]);
  t.same(parseRanges('Bytes = 0-1 , 3-4,-2,'), [{ start: 0, end: 1 }, { start: 3, end: 4 }, { suffix: 2 }]);
  t.same(parseRanges(`bytes=${'9'.repeat(400)}-`), [{ start: Number.MAX_SAFE_INTEGER }]);
  for (const ignored of [undefined, 'bytes=', 'bytes=-', 'bytes=0-1,-', 'items=0-1', 'bytes=a-b', 'bytes=0-1;3-4']) {
    t.equal(parseRanges(ignored), undefined, `${ignored}`);
  }
  const many = (count: number) => `bytes=${Array.from({ length: count }, (_, at) => `${at * 2}-${at * 2}`).join()}`;
  t.equal(parseRanges(many(32))?.length, 32);
  t.equal(parseRanges(many(33)), undefined, 'more than 32: the whole');
  t.equal(parseRanges('bytes=9-5'), 'invalid');
  t.equal(parseRanges('bytes=0-1,9-5'), 'invalid');
});

t.test('ranges of a content: in their order, joined where they overlap, only those that are in it', async (t) => {
  const resolved = (header: string, size = 100) =>
    resolveRanges(parseRanges(header) ?? [], size).map(({ start, end }) => `${start}-${end}`);
  const cases: [string, string[]][] = [
    ['bytes=0-9,20-29', ['0-9', '20-29']],
    ['bytes=50-59,0-9', ['50-59', '0-9']],
    ['bytes=0-9,10-19', ['0-9', '10-19']],
    ['bytes=0-9,5-14', ['0-14']],
    ['bytes=20-29,0-9,5-24', ['0-29']],
    ['bytes=0-9,40-49,5-44', ['0-49']],
    ['bytes=0-0,0-0,0-0', ['0-0']],
    ['bytes=0-,-10', ['0-99']],
    ['bytes=-10,0-4', ['90-99', '0-4']],
    ['bytes=-500', ['0-99']],
    ['bytes=95-200', ['95-99']],
    ['bytes=0-4,100-,-0', ['0-4']],
  ];
  for (const [header, expected] of cases) t.same(resolved(header), expected, header);
  for (const outside of ['bytes=100-', 'bytes=-0', 'bytes=100-,200-300', 'bytes=9-5']) {
    const error = { kind: 'rangeInvalid', headers: { 'Content-Range': 'bytes */100' } } as unknown as Error;
    t.throws(() => resolved(outside), error, outside);
  }
  t.throws(() => resolved('bytes=0-', 0), ofKind('rangeInvalid'), 'nothing is in an empty content');
});

t.test('several ranges are a multipart body that is as long as it says', async (t) => {
  const bytes = Buffer.from('0123456789');
  const headers = { 'Content-Type': 'text/plain', ETag: '"e"' };
  const parts = [
    { start: 0, end: 1 },
    { start: 5, end: 9 },
  ];
  const response = respondPart(headers, parts, bytes);
  const body = await streamToBuffer(response.body);
  t.equal(response.status, 206);
  t.equal(response.headers['Content-Length'], String(body.byteLength));
  t.equal(response.headers['Content-Range'], undefined);
  const [, boundary] = /^multipart\/byteranges; boundary=(\w+)$/.exec(response.headers['Content-Type'] ?? '') ?? [];
  const head = (range: string) =>
    `--${boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes ${range}/10\r\n\r\n`;
  t.equal(`${body}`, `${head('0-1')}01\r\n${head('5-9')}56789\r\n--${boundary}--\r\n`);
  const one = respondPart(headers, [{ start: 5, end: 9 }], bytes);
  t.match(one.headers, { 'Content-Type': 'text/plain', 'Content-Range': 'bytes 5-9/10', 'Content-Length': '5' });
});
