import t from 'tap';
import { npmWorld, PASSWORD } from '../support/npm/actors.js';

/** What each path of a package needs, written down once more: a row of the route table may have been changed. */
const NEEDED: ['read' | 'write' | 'delete', string, string][] = [
  ['read', 'GET', '/@s%2fa'],
  ['read', 'HEAD', '/@s%2fa'],
  ['read', 'GET', '/@s%2fa/1.0.0'],
  ['read', 'GET', '/@s%2fa/-/a-1.0.0.tgz'],
  ['read', 'GET', '/-/package/@s%2fa/dist-tags'],
  ['read', 'GET', '/-/package/@s%2fa/visibility'],
  ['read', 'GET', '/-/package/@s%2fa/access'],
  ['read', 'GET', '/-/package/@s%2fa/collaborators'],
  ['read', 'GET', '/-/npm/v1/attestations/@s%2fa@1.0.0'],
  ['write', 'PUT', '/@s%2fa'],
  ['write', 'PUT', '/@s%2fa/-rev/1-x'],
  ['write', 'PUT', '/-/package/@s%2fa/dist-tags/next'],
  ['write', 'POST', '/-/package/@s%2fa/dist-tags/next'],
  ['write', 'DELETE', '/-/package/@s%2fa/dist-tags/next'],
  ['write', 'POST', '/-/package/@s%2fa/access'],
  ['delete', 'DELETE', '/@s%2fa/-rev/1-x'],
  ['delete', 'DELETE', '/@s%2fa/-/a-1.0.0.tgz/-rev/1-x'],
];

t.test('each path of a package needs exactly its own right, for exactly this package', async (t) => {
  const users = ['ann', 'root'].map((username) => ({ username, password: PASSWORD, scopes: ['npm:package:*:*'] }));
  const { writer, tokenOf } = await npmWorld(t, { auth: { anonymousScopes: [], users } });
  t.equal((await writer.publish('@s/a', '1.0.0')).status, 201);
  for (const action of ['read', 'write', 'delete']) {
    const actor = await tokenOf({ scopes: [`npm:package:@s/a:${action}`] });
    for (const [needed, method, path] of NEEDED) {
      const { status } = await actor.send(method, path, method === 'PUT' ? '{}' : undefined);
      const name = `${method} ${path} with ${action}: ${status}`;
      if (action === needed) t.notOk([401, 403, 405].includes(status), name);
      else t.equal(status, 403, name);
    }
  }
  const other = await tokenOf({ scopes: ['npm:package:@s/b:*', 'npm:package:a:*', 'npm:package:s/a:*'] });
  for (const [, method, path] of NEEDED) t.equal((await other.send(method, path)).status, 403, `${method} ${path}`);
});

/** Paths that are about the caller, and those that anybody may ask. */
const CALLERS: [number, string, string][] = [
  [401, 'GET', '/-/whoami'],
  [401, 'GET', '/-/user/org.couchdb.user:ann'],
  [401, 'GET', '/-/npm/v1/user'],
  [401, 'POST', '/-/npm/v1/user'],
  [401, 'GET', '/-/npm/v1/tokens'],
  [401, 'POST', '/-/npm/v1/tokens'],
  [401, 'DELETE', '/-/npm/v1/tokens/token/x'],
  [401, 'DELETE', '/-/user/token/x'],
  [200, 'GET', '/-/npm/v1/keys'],
  [200, 'GET', '/-/ping'],
  [200, 'POST', '/-/v1/login'],
  [404, 'POST', '/-/npm/v1/security/advisories/bulk'],
  [404, 'POST', '/-/npm/v1/security/audits'],
  [404, 'POST', '/-/npm/v1/security/audits/quick'],
  [404, 'GET', '/-/v1/login/x'],
  [404, 'POST', '/-/v1/login/x'],
  [404, 'GET', '/-/v1/done/x'],
  [400, 'PUT', '/-/user/org.couchdb.user:ann'],
  [400, 'PUT', '/-/user/org.couchdb.user:ann/-rev/1-x'],
];

t.test('what a stranger may ask', async (t) => {
  const { anon } = await npmWorld(t);
  for (const [status, method, path] of CALLERS) {
    t.equal((await anon.send(method, path, method === 'GET' ? undefined : '{}')).status, status, `${method} ${path}`);
  }
});
