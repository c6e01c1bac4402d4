import type { Test } from 'tap';
import { CaseClock } from '../support/faults/clock.js';
import type { IProtocolDescription } from '../support/protocol/description.js';
import { protocolWorld, sender } from '../support/protocol/world.js';
import { send } from '../support/registry.js';

/** The same answer without its body; what depends on the time of the answer is left out. */
const headersOf = ({ Date: _date, ...headers }: Record<string, string>): Record<string, string> => headers;

/** HEAD, conditions, ranges, methods, odd paths, and URLs: all that concerns reading. */
export const protocolReading = (t: Test, about: IProtocolDescription): void => {
  const { protocol, names } = about;
  const [name] = names;
  const one = about.version(1);

  const headAndConditions = async (t: Test, clock: CaseClock): Promise<void> => {
    const world = await protocolWorld(t, about);
    t.ok((await world.publish(name, one)).status < 300);
    // what changed in this second gets no Last-Modified, because it may change again in the same second
    clock.advance(10_000);
    const others = await Promise.all((about.reads ?? []).map(({ request }) => request(name, one)));
    const documents = [about.metadata(name), ...about.listings.map(({ path }) => path)];
    const paths = [
      ...documents,
      about.artifact(name, one),
      ...others.filter(({ method }) => method === 'GET').map(({ path }) => path),
    ];
    for (const path of paths) {
      const whole = await world.get(path);
      t.equal(whole.status, 200, path);
      const head = await world.admin({ method: 'HEAD', path });
      t.equal(head.status, 200, `HEAD ${path}`);
      t.equal(head.text, '', `HEAD ${path} has no body`);
      t.same(headersOf(head.headers), headersOf(whole.headers), `HEAD ${path} has the headers of GET`);
    }
    for (const path of [about.metadata(name), about.artifact(name, one)]) {
      const { ETag: etag = '', 'Last-Modified': modified = '' } = (await world.get(path)).headers;
      t.match(etag, /^(W\/)?"[^"]+"$/, `${path} has an ETag`);
      t.ok(Date.parse(modified) > 0, `${path} has the time of its last change`);
      const status = async (headers: Record<string, string>) => {
        const answer = await world.get(path, headers);
        if (answer.status === 304) t.equal(answer.text, '', 'no body');
        return answer.status;
      };
      t.equal(await status({ 'if-none-match': etag }), 304, path);
      t.equal(await status({ 'if-none-match': `"other", ${etag}` }), 304, `${path}, one of several`);
      t.equal(await status({ 'if-none-match': '*' }), 304, `${path}, any`);
      t.equal(await status({ 'if-none-match': '"other"' }), 200, `${path}, another one`);
      t.equal(await status({ 'if-modified-since': modified }), 304, `${path}, not changed since`);
      t.equal(await status({ 'if-modified-since': 'Sat, 01 Jan 2000 00:00:00 GMT' }), 200, `${path}, changed since`);
      t.equal(await status({ 'if-none-match': '"other"', 'if-modified-since': modified }), 200, 'the ETag decides');
    }
    const before = (await world.get(about.metadata(name))).headers.ETag;
    t.ok((await world.publish(name, about.version(2))).status < 300);
    t.not((await world.get(about.metadata(name))).headers.ETag, before, 'a new version makes another ETag');
    t.equal((await world.get(about.metadata(name), { 'if-none-match': before! })).status, 200, 'at once');
  };

  t.test(`${protocol}: HEAD and conditions`, (t) => {
    const clock = new CaseClock();
    return clock.run(() => headAndConditions(t, clock));
  });

  t.test(`${protocol}: ranges of an artifact`, async (t) => {
    const world = await protocolWorld(t, about);
    t.ok((await world.publish(name, one)).status < 300);
    const path = about.artifact(name, one);
    const bytes = await about.artifactOf(name, one);
    const whole = await world.get(path);
    t.same(whole.bytes, bytes, 'the bytes that were uploaded');
    t.equal(whole.headers['Accept-Ranges'], 'bytes');
    t.equal(whole.headers['Content-Length'], String(bytes.length));
    t.equal(whole.headers['X-Content-Type-Options'], 'nosniff');
    const last = bytes.length - 1;
    for (const [range, start, end] of [
      ['bytes=0-9', 0, 9],
      ['bytes=10-19', 10, 19],
      ['bytes=-7', last - 6, last],
      [`bytes=${last - 3}-`, last - 3, last],
      ['bytes=5-999999999', 5, last],
    ] as const) {
      const part = await world.get(path, { range });
      t.equal(part.status, 206, range);
      t.same(part.bytes, bytes.subarray(start, end + 1), range);
      t.equal(part.headers['Content-Range'], `bytes ${start}-${end}/${bytes.length}`, range);
      const head = await world.admin({ method: 'HEAD', path, headers: { range } });
      t.equal(head.text, '', `HEAD, ${range}`);
    }
    const several = await world.get(path, { range: 'bytes=0-1,4-5' });
    t.equal(several.status, 206, 'several ranges');
    t.match(several.headers['Content-Type'], /^multipart\/byteranges; ?boundary=/);
    t.match(several.text, `Content-Range: bytes 4-5/${bytes.length}`);
    const outside = await world.get(path, { range: `bytes=${bytes.length}-` });
    t.equal(outside.status, 416, 'behind the end');
    t.equal(outside.headers['Content-Range'], `bytes */${bytes.length}`);
    t.equal((await world.get(path, { range: 'lines=1-2' })).status, 200, 'a unit that we do not know');
    const changed = await world.get(path, { range: 'bytes=0-9', 'if-range': '"other"' });
    t.equal(changed.status, 200, 'a part of another file would not fit');
    t.same(changed.bytes, bytes);
  });

  t.test(`${protocol}: another method`, async (t) => {
    const world = await protocolWorld(t, about);
    t.ok((await world.publish(name, one)).status < 300);
    for (const path of [about.metadata(name), about.artifact(name, one)]) {
      const answer = await world.admin({ method: 'PATCH', path, body: 'x' });
      t.equal(answer.status, 405, path);
      t.match(answer.headers.Allow, /\bGET\b/, path);
      t.match(answer.headers.Allow, /\bHEAD\b/, path);
      t.ok(about.isError(answer), answer.text);
    }
  });

  t.test(`${protocol}: names that no package has, in every spelling`, async (t) => {
    const world = await protocolWorld(t, about);
    t.ok((await world.publish(name, one)).status < 300);
    const odd = ['..', '%2e%2e', '%2E%2E%2fetc', 'a%00b', 'a%5cb', '%ff', '%', 'a%0ab', '__proto__', 'constructor'];
    const long = 'x'.repeat(5000);
    const placed = (path: string, part: string) => {
      const escaped = [name, encodeURIComponent(name)].find((form) => path.includes(form));
      return escaped ? path.replace(escaped, () => part) : undefined;
    };
    const before = await world.stored();
    for (const template of [about.metadata(name), about.artifact(name, one)]) {
      for (const part of [...odd, long, `%2f${name}`, `${name}%2f..`, '%252e%252e', 'toString', 'hasOwnProperty']) {
        const path = placed(template, part);
        if (path === undefined) continue;
        for (const [caller, send] of [
          ['administrator', world.admin],
          ['nobody', world.anonymous],
        ] as const) {
          const { status, text } = await send({ method: 'GET', path });
          t.ok(status >= 400 && status < 500, `${caller}: ${path.slice(0, 100)}: ${status} ${text.slice(0, 100)}`);
        }
      }
    }
    for (const each of ['__proto__', 'constructor', 'toString']) {
      const { method, path, headers, body } = await about.publish(each, one);
      const answer = await world.admin({ method, path, headers, body });
      t.ok(answer.status < 500, `${each}: ${answer.status} ${answer.text.slice(0, 100)}`);
      const seen = await world.get(about.metadata(each));
      t.equal(seen.status === 200, answer.status < 300, `${each}: it is there exactly if it was accepted`);
      if (seen.status === 200) t.same(about.versionsIn(seen), [one], each);
    }
    const added = (await world.stored()).filter((key) => !before.includes(key));
    t.notOk(
      added.some((key) => key.includes('..')),
      added.join(', '),
    );
  });

  t.test(`${protocol}: below the path of an application, and behind a proxy`, async (t) => {
    const urlsIn = about.urlsIn ?? (() => []);
    const world = await protocolWorld(t, about, { trustProxy: true });
    t.ok((await world.publish(name, one)).status < 300);
    const path = about.metadata(name);
    const bytes = await about.artifactOf(name, one);
    type TMore = { prefix?: string; baseUrl?: string; forwarded?: Record<string, string> };
    const places: [what: string, origin: string, prefix: string, more: TMore][] = [
      ['at the root', 'http://packages.example.org', '', {}],
      ['below a path', 'http://packages.example.org', '/some/where', { prefix: '/some/where' }],
      ['with an origin of the host', 'https://public.example.org', '', { baseUrl: 'https://public.example.org' }],
      [
        'behind a proxy',
        'https://proxied.example.org:8443',
        '',
        { forwarded: { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'proxied.example.org:8443' } },
      ],
    ];
    for (const [what, origin, prefix, { forwarded = {}, ...more }] of places) {
      const headers = { host: 'packages.example.org', ...(forwarded as Record<string, string>) };
      const answer = await send(world.registry, 'GET', path, { headers, ...more });
      t.equal(answer.status, 200, what);
      const urls = urlsIn(answer);
      if (about.urlsIn) t.ok(urls.length > 0, `${what}: ${answer.text.slice(0, 200)}`);
      for (const url of urls) t.ok(url.startsWith(`${origin}${prefix}/`), `${what}: ${url}`);
      for (const url of urls) {
        const { pathname } = new URL(url);
        const file = await send(world.registry, 'GET', pathname.slice(prefix.length), { headers, ...more });
        if (file.status === 200 && file.bytes.equals(bytes)) t.pass(`${what}: the artifact is there`);
        else t.ok(file.status < 400, `${what}: ${url}: ${file.status}`);
      }
    }
    t.equal((await sender(world.registry)({ method: 'GET', path: `/elsewhere${path}` })).status, 404);
  });
};
