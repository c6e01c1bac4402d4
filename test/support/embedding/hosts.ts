import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { serve } from '@hono/node-server';
import express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';
import { type SmartRegistry, toFetchHandler, toNodeListener } from '../../../ts/index.js';

/** What another route of the application answers. */
export const APPLICATION = 'the application';

export interface IHost {
  port: number;
  stop(): unknown;
}

/** Starts an application that has a route `/about` of its own, and the registry below `base` (`''`: at the root). */
export type TStart = (registry: SmartRegistry, base: string) => Promise<IHost>;

export const listening = async (server: Server): Promise<IHost> => {
  if (!server.listening) await once(server, 'listening');
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return { port: (server.address() as AddressInfo).port, stop };
};

type TExpress = typeof express;
const express4 = async (): Promise<TExpress> => ((await import('express4' as string)) as { default: TExpress }).default;

const withExpress = async (framework: TExpress, registry: SmartRegistry, base: string): Promise<IHost> => {
  const app = framework();
  app.use(base || '/', toNodeListener(registry));
  app.get('/about', (_req, res) => void res.send(APPLICATION));
  return listening(app.listen(0, '127.0.0.1'));
};

/** Each protocol where the application wants it: the mounts themselves are cut off. */
const expressByProtocol: TStart = async (registry, base) => {
  const app = express();
  for (const mount of ['/npm', '/oci', '/v2']) app.use(base + mount, toNodeListener(registry));
  app.get('/about', (_req, res) => void res.send(APPLICATION));
  return listening(app.listen(0, '127.0.0.1'));
};

const expressByHand: TStart = async (registry, base) => {
  const app = express();
  app.use(base || '/', async (req, res, next) => {
    if (!registry.handles(req.path, req.baseUrl)) return next();
    const response = await registry.handleRequest({
      method: req.method,
      path: req.path,
      prefix: req.baseUrl,
      headers: req.headers,
      query: req.query as Record<string, string>,
      body: req,
    });
    res.writeHead(response.status, response.headers);
    if (!response.body) return void res.end();
    await pipeline(response.body, res).catch(() => res.destroy());
  });
  app.get('/about', (_req, res) => void res.send(APPLICATION));
  return listening(app.listen(0, '127.0.0.1'));
};

const fastify: TStart = async (registry, base) => {
  const listener = toNodeListener(registry);
  const app = Fastify();
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  app.get('/about', async () => APPLICATION);
  app.all(`${base}/*`, (request, reply) => {
    reply.hijack();
    listener(request.raw, reply.raw);
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  return listening(app.server);
};

const koa: TStart = async (registry, base) => {
  const listener = toNodeListener(registry);
  const app = new Koa();
  app.use(async (ctx, next) => {
    if (!ctx.path.startsWith(base) || !registry.handles(ctx.path.slice(base.length), base)) return next();
    ctx.respond = false;
    listener(ctx.req, ctx.res);
  });
  app.use((ctx) => {
    if (ctx.path === '/about') ctx.body = APPLICATION;
  });
  return listening(app.listen(0, '127.0.0.1'));
};

const honoServer = (app: Hono): Promise<IHost> =>
  listening(
    serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1', serverOptions: { requestTimeout: 0 } }) as Server,
  );

const hono: TStart = (registry, base) => {
  const handle = toFetchHandler(registry);
  const app = new Hono();
  app.get('/about', (c) => c.text(APPLICATION));
  app.all(`${base}/*`, (c) => handle(c.req.raw));
  return honoServer(app);
};

/** `mount` cuts the path off. */
const honoMount: TStart = (registry, base) => {
  const app = new Hono();
  app.get('/about', (c) => c.text(APPLICATION));
  app.mount(base || '/', toFetchHandler(registry, { prefix: base }));
  return honoServer(app);
};

const nodeHttp: TStart = (registry, base) => {
  const listener = toNodeListener(registry);
  const server = createServer({ requestTimeout: 0 }, (request, response) => {
    if (request.url?.startsWith('/about')) return void response.end(APPLICATION);
    if (!request.url?.startsWith(base)) return void response.writeHead(404).end();
    listener(request, response);
  });
  return listening(server.listen(0, '127.0.0.1'));
};

export const hosts: [name: string, start: TStart][] = [
  ['node:http', nodeHttp],
  ['Express 4', async (registry, base) => withExpress(await express4(), registry, base)],
  ['Express 5', (registry, base) => withExpress(express, registry, base)],
  ['Express 5, each protocol by itself', expressByProtocol],
  ['Express 5 by hand', expressByHand],
  ['Fastify', fastify],
  ['Koa', koa],
  ['Hono', hono],
  ['Hono, mounted', honoMount],
];
