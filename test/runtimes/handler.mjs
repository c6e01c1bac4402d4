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
  });
  await registry.init();
  return toFetchHandler(registry);
};

export const ready = (port) => {
  console.log(`ready on http://127.0.0.1:${port}`);
};
