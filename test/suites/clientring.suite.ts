import t from 'tap';
import { approveInBrowser } from '../support/client/approve.js';
import type { IClientFlow } from '../support/client/flow.js';
import { makeClient, type TClientName } from '../support/client/list.js';
import { startServer } from '../support/client/server.js';
import { clientFlow } from './clientflow.suite.js';

/**
 * A registry that shows nothing to strangers, lets them make accounts, and says of every package that nothing is known
 * against it.
 */
const guardedConfig = {
  auth: { jwtSecret: 'only for this test', tokenStore: 'bucket', anonymousScopes: [], selfRegistration: true },
  npm: { enabled: true, basePath: '/npm', features: { emptyAudit: true } },
};

/** The whole flow on our command line with a directory, and the private part on a second one. */
export const directoryRing = (name: TClientName): void => {
  t.test(`${name} on a directory`, async (t) => {
    const client = await makeClient(name);
    if (!client) {
      t.pass('not run', { skip: `${name} is not installed` });
      return;
    }
    const server = await startServer();
    t.teardown(() => server.stop());
    const guarded = await startServer({ config: guardedConfig });
    t.teardown(() => guarded.stop());
    await clientFlow(t, client, { label: 'directory', server, guarded, approve: approveInBrowser });
    t.equal(await server.stop(), 0, 'the server ends by itself when it is told to');
  });
};

/** The short flow with servers of the caller's. */
export const shortRing = (names: TClientName[], flow: Omit<IClientFlow, 'short'>): void => {
  for (const name of names) {
    t.test(`${name}: ${flow.label}`, async (t) => {
      const client = await makeClient(name);
      if (!client) {
        t.pass('not run', { skip: `${name} is not installed` });
        return;
      }
      await clientFlow(t, client, { ...flow, short: true });
    });
  }
};
