import t from 'tap';
import { embeddingFlow } from '../suites/embedding.suite.js';
import { hosts } from '../support/embedding/hosts.js';
import { startRegistry } from '../support/registry.js';

const admin = { username: 'admin', password: 'correct horse battery' };

for (const [name, start] of hosts) {
  for (const base of ['', '/packages', '/a/b']) {
    t.test(`${name}, ${base ? `below ${base}` : 'at the root'}`, async (t) => {
      const registry = await startRegistry(t, {
        auth: { jwtSecret: 'a-secret-of-the-tests-that-is-long-enough', tokenStore: 'memory', users: [admin] },
        npm: { enabled: true },
        oci: { enabled: true },
      });
      const { port, stop } = await start(registry, base);
      t.teardown(stop);
      await embeddingFlow(t, { origin: `http://127.0.0.1:${port}`, base, admin });
    });
  }
}
