import { openHandler, ready } from './handler.mjs';

const handler = await openHandler();
globalThis.Deno.serve({ hostname: '127.0.0.1', port: 0, onListen: ({ port }) => ready(port) }, handler);
