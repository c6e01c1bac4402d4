// Starts a registry on the storage that the first argument names, and prints why it cannot.
import { SmartRegistry } from '../../dist_ts/index.js';

const [kind, directory] = globalThis.Deno.args;
const s3 = { endpoint: 'http://127.0.0.1:9', bucketName: 'b', accessKey: 'key', accessSecret: 'secret' };
const registry = new SmartRegistry({
  storage: kind === 's3' ? s3 : { directory },
  auth: { jwtSecret: 'only for this test', tokenStore: 'memory' },
  npm: { enabled: true },
});
try {
  await registry.init();
  console.log('started');
  await registry.destroy();
} catch (error) {
  console.log(error.message);
}
