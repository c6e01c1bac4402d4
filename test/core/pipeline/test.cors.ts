import t from 'tap';
import { Actor, npmWorld } from '../../support/npm/actors.js';
import { send } from '../../support/registry.js';

const PAGE = 'https://packages.example.org';
const ask = (method: string) => ({ 'Access-Control-Request-Method': method });

t.test('without a setting no page of another origin reads anything', async (t) => {
  const { writer } = await npmWorld(t);
  await writer.publish('a', '1.0.0');
  const { status, headers } = await writer.get('/a', { Origin: PAGE });
  t.equal(status, 200);
  t.notMatch(Object.keys(headers).join(), /access-control/i);
  const preflight = await writer.send('OPTIONS', '/a', undefined, { Origin: PAGE, ...ask('GET') });
  t.equal(preflight.status, 405);
});

t.test('pages of the listed origins read, and see the headers that they need', async (t) => {
  const { writer, registry } = await npmWorld(t, { cors: { origins: [PAGE, 'http://127.0.0.1:8080'] } });
  await writer.publish('a', '1.0.0');
  for (const round of ['at first', 'from memory']) {
    for (const path of ['/a', '/a/-/a-1.0.0.tgz', '/none', '/-/whoami']) {
      const { headers } = await writer.get(path, { Origin: PAGE });
      t.equal(headers['Access-Control-Allow-Origin'], PAGE, `${path} ${round}`);
      t.equal(headers['Access-Control-Allow-Credentials'], 'true');
      for (const name of [
        'ETag',
        'Content-Range',
        'Link',
        'Retry-After',
        'WWW-Authenticate',
        'Docker-Content-Digest',
      ]) {
        t.match(headers['Access-Control-Expose-Headers'], new RegExp(`\\b${name}\\b`));
      }
      t.match(headers.Vary, /(^|, )Origin$/, 'a cache must not hand it to another origin');
      t.equal(headers.Vary?.match(/Origin/g)?.length, 1, 'said once');
    }
  }
  for (const Origin of ['https://evil.example.org', 'https://packages.example.org.evil.example.org', 'null', '*']) {
    const { headers } = await writer.get('/a', { Origin });
    t.equal(headers['Access-Control-Allow-Origin'], undefined, Origin);
    t.equal(headers['Access-Control-Allow-Credentials'], undefined, Origin);
    t.match(headers.Vary, /Origin/, Origin);
  }
  const none = await writer.get('/a');
  t.equal(none.headers['Access-Control-Allow-Origin'], undefined);
  t.match(none.headers.Vary, /Origin/);
  for (const Origin of [PAGE, 'https://evil.example.org']) {
    const { headers } = await writer.get('/a', { Origin });
    t.match(headers.Vary, /Accept-Encoding.*, Origin$/, 'what the answer depends on besides is still said');
  }
  const elsewhere = await send(registry, 'GET', '/nothing', { headers: { origin: PAGE } });
  t.equal(elsewhere.headers['Access-Control-Allow-Origin'], PAGE, 'a page sees why there is nothing');
});

t.test('writes stay closed', async (t) => {
  const { writer, registry } = await npmWorld(t, { cors: { origins: [PAGE] } });
  const published = await writer.send('PUT', '/a', '{}', { Origin: PAGE });
  t.equal(published.headers['Access-Control-Allow-Origin'], undefined);
  const preflight = (method: string, headers: Record<string, string> = {}, path = '/a') =>
    new Actor(registry).send('OPTIONS', path, undefined, { Origin: PAGE, ...ask(method), ...headers });
  for (const method of ['PUT', 'POST', 'DELETE', 'PATCH']) {
    t.equal((await preflight(method)).headers['Access-Control-Allow-Methods'], undefined, method);
  }
  const read = await preflight('GET', { 'Access-Control-Request-Headers': 'authorization, accept' });
  t.equal(read.status, 204);
  t.match(read.headers, {
    'Access-Control-Allow-Origin': PAGE,
    'Access-Control-Allow-Methods': 'GET, HEAD',
    'Access-Control-Allow-Headers': 'authorization, accept',
    'Access-Control-Max-Age': /^\d+$/,
    'Cache-Control': 'no-store',
  });
  t.equal((await preflight('HEAD')).headers['Access-Control-Allow-Methods'], 'GET, HEAD');
  const other = await preflight('GET', { Origin: 'https://evil.example.org' });
  t.equal(other.headers['Access-Control-Allow-Origin'], undefined);
  t.equal(other.headers['Access-Control-Allow-Methods'], undefined);
  t.equal((await new Actor(registry).send('OPTIONS', '/a', undefined, { Origin: PAGE })).status, 405, 'no preflight');
});

t.test('every origin, and then never with credentials', async (t) => {
  const { writer } = await npmWorld(t, { cors: { origins: ['*'] } });
  await writer.publish('a', '1.0.0');
  for (const headers of [{ Origin: PAGE }, {}]) {
    const answer = await writer.get('/a', headers as Record<string, string>);
    t.equal(answer.headers['Access-Control-Allow-Origin'], '*');
    t.equal(answer.headers['Access-Control-Allow-Credentials'], undefined);
    t.notMatch(answer.headers.Vary, /Origin/, 'the same for all');
  }
  const preflight = await writer.send('OPTIONS', '/a', undefined, { Origin: PAGE, ...ask('GET') });
  t.match(preflight, { status: 204, headers: { 'Access-Control-Allow-Origin': '*' } });
  t.equal(preflight.headers['Access-Control-Allow-Credentials'], undefined);
});
