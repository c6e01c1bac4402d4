import t from 'tap';
import { checkConfig } from '../ts/helpers.config.js';
import type { IRegistryConfig } from '../ts/interfaces.config.js';

const good = (): Record<string, unknown> => ({
  storage: { directory: 'data' },
  auth: { jwtSecret: 'top-secret-value', tokenStore: 'memory' },
  npm: { enabled: true, basePath: '/npm' },
});

const problem = (change: Record<string, unknown>): string => {
  try {
    checkConfig({ ...good(), ...change } as unknown as IRegistryConfig);
    return 'accepted';
  } catch (error) {
    return (error as Error).message;
  }
};

t.test('a configuration of each kind of storage is accepted', async (t) => {
  const s3 = { accessKey: 'a', accessSecret: 'b', endpoint: 's3.example.com', bucketName: 'c' };
  t.equal(problem({}), 'accepted');
  t.equal(problem({ storage: s3 }), 'accepted');
  t.equal(problem({ storage: { endpoint: 's3.example.com', bucketName: 'c' } }), 'accepted', 'credential chain');
});

t.test('what is wrong is said by the name of its field', async (t) => {
  const cases: [string, Record<string, unknown>][] = [
    ['config.storage ', { storage: undefined }],
    ['config.storage ', { storage: {} }],
    ['config.storage ', { storage: { directory: 'a', bucketName: 'b' } }],
    ['config.storage.directory ', { storage: { directory: '' } }],
    ['config.storage.endpoint ', { storage: { bucketName: 'b' } }],
    ['config.storage.accessSecret ', { storage: { bucketName: 'b', endpoint: 'e', accessKey: 'k' } }],
    ['config.storage.objectStore has no method get()', { storage: { objectStore: { head() {} } } }],
    ['config.auth ', { auth: undefined }],
    ['config.auth.jwtSecret ', { auth: { tokenStore: 'memory' } }],
    ['config.auth.tokenStore ', { auth: { jwtSecret: 's', tokenStore: 'files' } }],
    ['config.auth.anonymousScopes ', { auth: { jwtSecret: 's', tokenStore: 'memory', anonymousScopes: 'x' } }],
    ['config.auth.users[0].password ', { auth: { jwtSecret: 's', tokenStore: 'memory', users: [{ username: 'a' }] } }],
    ['config.npm.enabled ', { npm: { enabled: 'yes' } }],
    ['config.npm.basePath ', { npm: { enabled: true, basePath: 'npm' } }],
    ['config.npm.registryUrl ', { npm: { enabled: true, registryUrl: 'registry.example.com' } }],
    ['config.registries[0].create ', { registries: [{ protocol: 'p', basePath: '/p' }] }],
    ['config.registries[0].basePath ', { registries: [{ protocol: 'p', create: () => null }] }],
    ['config.oci.absoluteLocations ', { oci: { enabled: true, absoluteLocations: 'yes' } }],
    ['config.cors.origins ', { cors: true }],
    ['config.cors.origins ', { cors: { origins: 'https://x.example.org' } }],
    ['config.cors.origins ', { cors: { origins: ['x.example.org'] } }],
    ['config.cors.origins ', { cors: { origins: ['https://x.example.org/'] } }],
    ['config.cors.origins ', { cors: { origins: ['https://*.example.org'] } }],
    ['config.limits.maxArtifactSize ', { limits: { maxArtifactSize: -1 } }],
    ['config.limits.maxSize ', { limits: { maxSize: 1 } }],
  ];
  for (const [start, change] of cases) t.ok(problem(change).startsWith(start), `${start}: ${problem(change)}`);
});

t.test('no message holds a secret', async (t) => {
  const auth = {
    jwtSecret: 'top-secret-value',
    tokenStore: 'top-secret-store',
    users: [{ username: 'a', password: 5 }],
  };
  t.notMatch(problem({ auth }), /top-secret/);
});

t.test('a limit of nothing is a mistake', async (t) => {
  for (const maxArtifactSize of [0, Number.NaN]) {
    t.match(problem({ limits: { maxArtifactSize } }), 'config.limits.maxArtifactSize ');
  }
});
