// What all runtimes serve: the built library's fetch handler over a directory, as a user would write it.
import { SmartRegistry, toFetchHandler } from '../../dist_ts/index.js';

export const openHandler = async () => {
  const { RUNTIME_DATA: directory, RUNTIME_PASSWORD: password } = globalThis.process.env;
  const registry = new SmartRegistry({
    storage: { directory },
    auth: {
      jwtSecret: 'only for this test, and long enough',
      tokenStore: 'memory',
      users: [{ username: 'admin', password, scopes: ['*:*:*:*'] }],
    },
    npm: { enabled: true, basePath: '/npm' },
    oci: { enabled: true, basePath: '/oci' },
  });
  await registry.init();
  const handle = toFetchHandler(registry);
  // an application with a route of its own; the registry is at the root and below /packages
  return (request) => (new URL(request.url).pathname === '/about' ? new Response('the application') : handle(request));
};

export const ready = (port) => {
  console.log(`ready on http://127.0.0.1:${port}`);
};
