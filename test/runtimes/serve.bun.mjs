import { openHandler, ready } from './handler.mjs';

// Bun's own limits: bodies over 128 MB and connections idle for 10 s are refused unless it is told otherwise.
const server = globalThis.Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch: await openHandler(),
  maxRequestBodySize: 1024 ** 3,
  idleTimeout: 120,
});
ready(server.port);
