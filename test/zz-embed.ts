import express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import { serve } from '@hono/node-server';
import { SmartRegistry, toNodeListener, toFetchHandler, type IRegistryConfig, type IStorageHooks } from '../ts/index.js';
import { rmSync } from 'node:fs';
const which = process.argv[2]!; const port = Number(process.argv[3]);
rmSync('/tmp/revu/emb-' + which, { recursive: true, force: true });
const config: IRegistryConfig = {
  storage: { directory: '/tmp/revu/emb-' + which },
  auth: { jwtSecret: 'a long random text that nobody can guess', tokenStore: 'bucket', users: [{ username: 'ann', password: 'correct horse' }] },
  npm: { enabled: true }, cargo: { enabled: true }, composer: { enabled: true }, pypi: { enabled: true },
  trustProxy: which === 'proxy',
};
const registry = new SmartRegistry(config);
await registry.init();
const auth = registry.getAuthManager();
console.log(JSON.stringify({ cargo: await auth.createCargoToken('ann'), composer: await auth.createComposerToken('ann'), pypi: await auth.createPypiToken('ann') }));
if (which === 'express' || which === 'proxy') {
  const app = express();
  app.use('/packages', toNodeListener(registry));
  app.listen(port, '127.0.0.1');
} else if (which === 'parser') {
  const app = express();
  app.use(express.json()); app.use(express.urlencoded({ extended: true })); app.use(express.raw({type:'application/octet-stream'})); app.use(express.text());
  app.use('/packages', toNodeListener(registry));
  app.listen(port, '127.0.0.1');
} else if (which === 'hono') {
  const app = new Hono(); const handle = toFetchHandler(registry);
  app.all('/packages/*', (c) => handle(c.req.raw));
  serve({ fetch: app.fetch, port, hostname: '127.0.0.1' });
} else if (which === 'fastify') {
  const listener = toNodeListener(registry); const app = Fastify();
  app.removeAllContentTypeParsers(); app.addContentTypeParser('*', (_r, p, done) => done(null, p));
  app.all('/packages/*', (q, r) => { r.hijack(); listener(q.raw, r.raw); });
  await app.listen({ port, host: '127.0.0.1' });
}
