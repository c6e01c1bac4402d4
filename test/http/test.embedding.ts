import t from 'tap';
import { embedded, embeddingFlow } from '../suites/embedding.suite.js';
import { hosts } from '../support/embedding/hosts.js';

for (const [name, start] of hosts) {
  for (const base of ['', '/packages', '/a/b']) {
    t.test(`${name}, ${base ? `below ${base}` : 'at the root'}`, async (t) => {
      await embeddingFlow(t, await embedded(t, start, base));
    });
  }
}
