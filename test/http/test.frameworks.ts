import { createHash, randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { serve } from '@hono/node-server';
import express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import t, { type Test } from 'tap';
import { type IRequestHandler, toFetchHandler, toNodeListener } from '../../ts/index.js';
import { type IHost, listening } from '../support/embedding/hosts.js';
import { ask, RawClient } from '../support/http/client.js';
import { endless, handler, within } from '../support/http/host.js';
import { startRegistry } from '../support/registry.js';
import { shelf } from '../support/shelf.js';

// What follows is what the readme shows, framework by framework.

const expressWithListener = async (registry: IRequestHandler): Promise<IHost> => {
  const app = express();
  app.use(toNodeListener(registry)); // before any body parser
  return listening(app.listen(0, '127.0.0.1'));
};

const expressByHand = async (registry: IRequestHandler): Promise<IHost> => {
  const app = express();
  app.all('/{*path}', async (req, res) => {
    const gone = new AbortController();
    res.once('close', () => res.writableFinished || gone.abort());
    const response = await registry.handleRequest({
      method: req.method,
      path: req.path,
      headers: req.headers,
      query: req.query as Record<string, string | string[]>,
      body: req, // the request itself, unparsed: uploads stream
      actor: { ip: req.ip, userAgent: req.get('user-agent'), orgId: 'org-456' },
      signal: gone.signal,
    });
    res.writeHead(response.status, response.statusText, response.headers);
    if (!response.body) return void res.end();
    // unlike .pipe(), pipeline() also cancels the body when the client goes away
    await pipeline(response.body, res).catch(() => res.destroy());
  });
  return listening(app.listen(0, '127.0.0.1'));
};

const fastify = async (registry: IRequestHandler): Promise<IHost> => {
  const listener = toNodeListener(registry);
  const app = Fastify();
  // leave every body a stream, whatever its type and size
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  app.all('/*', (request, reply) => {
    reply.hijack();
    listener(request.raw, reply.raw);
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  return listening(app.server);
};

const hono = async (registry: IRequestHandler): Promise<IHost> => {
  const fetch = toFetchHandler(registry);
  const app = new Hono();
  app.all('*', (c) => fetch(c.req.raw));
  return listening(
    serve({
      fetch: app.fetch,
      port: 0,
      hostname: '127.0.0.1',
      serverOptions: { requestTimeout: 0 }, // Node's own 300 s would cut long uploads off
    }) as Server,
  );
};

/** As the readme that users of Express 4 know writes it; it reads, and cannot upload. */
const express4AsBefore = async (registry: IRequestHandler): Promise<IHost> => {
  const express4 = ((await import('express4' as string)) as { default: typeof express }).default;
  const app = express4();
  app.all('*', async (req, res) => {
    const response = await registry.handleRequest({
      method: req.method,
      path: req.path,
      headers: req.headers as Record<string, string>,
      query: req.query as Record<string, string>,
      body: req.body,
    });
    res.status(response.status);
    for (const [key, value] of Object.entries(response.headers)) {
      res.setHeader(key, value);
    }
    if (response.body) {
      Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]).pipe(res);
    } else {
      res.end();
    }
  });
  return listening(app.listen(0, '127.0.0.1'));
};

type TStart = (registry: IRequestHandler) => Promise<IHost>;

const hosts: [string, TStart][] = [
  ['Express 5 with the listener', expressWithListener],
  ['Express 5 by hand', expressByHand],
  ['Fastify', fastify],
  ['Hono', hono],
];

const host = async (t: Test, start: TStart, registry: IRequestHandler): Promise<number> => {
  const { port, stop } = await start(registry);
  t.teardown(stop);
  return port;
};

const withShelf = async (t: Test) => {
  const users = [{ username: 'ann', password: 'correct horse' }];
  const auth = { jwtSecret: 'a-secret-of-the-tests', tokenStore: 'memory' as const, users };
  const registry = await startRegistry(t, { registries: [shelf], auth });
  const token = await registry.getAuthManager().createToken('ann', 'shelf');
  return { registry, headers: { Authorization: `Bearer ${token}` } };
};

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

for (const [name, start] of hosts) {
  t.test(name, async (t) => {
    const { registry, headers } = await withShelf(t);
    const port = await host(t, start, registry);

    // larger than any body parser's limit
    const content = randomBytes(3 * 1024 * 1024 + 7);
    const types = ['application/octet-stream', 'application/json', 'application/x-www-form-urlencoded', undefined];
    for (const [index, type] of types.entries()) {
      const path = `/shelf/a/x${index}`;
      const sent = { ...headers, ...(type && { 'Content-Type': type }) };
      const up = await ask(port, path, { method: 'PUT', headers: sent, body: content });
      t.equal(up.status, 201, `upload as ${type}`);
      t.same(JSON.parse(up.body.toString()), { sha256: sha256(content) });
    }
    const down = await ask(port, '/shelf/a/x0');
    t.equal(down.status, 200);
    t.equal(sha256(down.body), sha256(content));
    t.equal(down.headers['content-length'], String(content.byteLength));
    t.equal(down.headers['content-type'], 'application/octet-stream', 'exactly as the registry said it');

    const part = await ask(port, '/shelf/a/x0', { headers: { Range: 'bytes=5-9' } });
    t.equal(part.status, 206);
    t.same(part.body, content.subarray(5, 10));
    const head = await ask(port, '/shelf/a/x0', { method: 'HEAD' });
    t.equal(head.status, 200);
    t.equal(head.headers['content-length'], String(content.byteLength));
    t.equal(head.body.byteLength, 0);
    const unchanged = await ask(port, '/shelf/a/x0', { headers: { 'If-None-Match': head.headers.etag } });
    t.equal(unchanged.status, 304);
    t.equal(unchanged.body.byteLength, 0);
    const json = await ask(port, '/shelf/a', { headers: { 'Accept-Encoding': 'identity' } });
    t.same(JSON.parse(json.body.toString()), ['x0', 'x1', 'x2', 'x3']);
    t.equal(json.headers['content-type'], 'application/json');

    const refused = await ask(port, '/shelf/a/y', { method: 'PUT', body: 'x' });
    t.equal(refused.status, 401);
    t.equal((await ask(port, '/shelf/a/none')).status, 404);
    t.equal((await ask(port, '/shelf/a/x0', { method: 'DELETE', headers })).status, 405);
    const about = await ask(port, '/shelf/about', { headers: { Host: 'npm.example.org:8080' } });
    t.match(about.body.toString(), '"http://npm.example.org:8080/shelf"', 'links lead to where the client asked');
  });

  t.test(`${name}: a client that goes away frees the download`, async (t) => {
    const { body, cancelled } = endless();
    let signal: AbortSignal | undefined;
    const registry = handler((context) => {
      signal = context.signal;
      return { status: 200, headers: {}, body };
    });
    const raw = await RawClient.connect(await host(t, start, registry));
    raw.head('GET /shelf/a/x HTTP/1.1', 'Host: x');
    await raw.until(/\r\n\r\n./s);
    raw.socket.destroy();
    await within(cancelled, 'cancel');
    t.equal(signal?.aborted, true);
  });

  t.test(`${name}: repeated query parameters and encoded paths arrive`, async (t) => {
    const registry = handler(({ path, query }) => ({
      status: 200,
      headers: { 'X-Path': path, 'X-Query': JSON.stringify(query) },
    }));
    const reply = await ask(await host(t, start, registry), '/npm/@a%2fb?x=1&x=2&y=3');
    t.equal(reply.headers['x-path'], '/npm/@a%2fb');
    t.equal(reply.headers['x-query'], '{"x":["1","2"],"y":"3"}');
  });
}

t.test('Express 4 as before, for reads', async (t) => {
  const { registry, headers } = await withShelf(t);
  const content = randomBytes(300_000);
  await registry.handleRequest({ method: 'PUT', path: '/shelf/a/x', headers, query: {}, body: content });
  const port = await host(t, express4AsBefore, registry);
  const down = await ask(port, '/shelf/a/x');
  t.equal(down.status, 200);
  t.equal(sha256(down.body), sha256(content));
  t.equal((await ask(port, '/shelf/a/x', { method: 'HEAD' })).headers['content-length'], '300000');
  t.match(await ask(port, '/shelf/a'), { status: 200, body: Buffer.from('["x"]') });
  t.equal((await ask(port, '/shelf/a/none')).status, 404);
});
