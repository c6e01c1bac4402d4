// Keeps tokens in the server that TOKENS names, as a part of the configuration in JSON.
import process from 'node:process';
import { SmartRegistry } from '../../dist_ts/index.js';

const { RUNTIME_DATA: directory, TOKENS: store } = process.env;
const registry = new SmartRegistry({
  storage: { directory },
  auth: {
    jwtSecret: 'only for this test, and long enough',
    users: [{ username: 'ann', password: 'a password' }],
    ...JSON.parse(store),
  },
  npm: { enabled: true },
});
await registry.init();
const auth = registry.getAuthManager();
const [kept, revoked] = [await auth.createNpmToken('ann'), await auth.createNpmToken('ann')];
await auth.revokeToken(revoked);
const users = [await auth.validateToken(kept), await auth.validateToken(revoked)].map((token) => token?.userId);
console.log(JSON.stringify(users), (await auth.listTokens('ann')).length);
await registry.destroy();
