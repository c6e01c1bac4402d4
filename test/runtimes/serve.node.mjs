import { serve } from '@hono/node-server';
import { openHandler, ready } from './handler.mjs';

serve({ fetch: await openHandler(), hostname: '127.0.0.1', port: 0 }, ({ port }) => ready(port));
