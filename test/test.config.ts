import t from 'tap';
import type { ConfigError } from '../ts/core/classes.configerror.js';
import { checkConfig } from '../ts/helpers.config.js';
import type { IRegistryConfig } from '../ts/interfaces.config.js';

const good = (): Record<string, unknown> => ({
  storage: { directory: 'data' },
  auth: { jwtSecret: 'top-secret-value', tokenStore: 'memory' },
  npm: { enabled: true, basePath: '/npm' },
});

/** Everything that is wrong after a change to a good configuration. */
const problems = (change: Record<string, unknown>): string[] => {
  try {
    checkConfig({ ...good(), ...change } as unknown as IRegistryConfig);
    return [];
  } catch (error) {
    return (error as ConfigError).problems;
  }
};

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
    ['config.storage.accessKey ', { storage: { bucketName: 'b', endpoint: 'e', accessSecret: 's' } }],
    ['config.storage.port ', { storage: { bucketName: 'b', endpoint: 'e', port: 'https' } }],
    ['config.storage.useSsl ', { storage: { bucketName: 'b', endpoint: 'e', useSsl: 'no' } }],
    ['config.storage.checksums ', { storage: { bucketName: 'b', endpoint: 'e', checksums: 'NEVER' } }],
    ['config.storage.objectStore has no method get()', { storage: { objectStore: { head() {} } } }],
    ['config.auth ', { auth: undefined }],
    ['config.auth.jwtSecret ', { auth: { tokenStore: 'memory' } }],
    ['config.auth.tokenStore ', { auth: { jwtSecret: 's', tokenStore: 'files' } }],
    ['config.auth.anonymousScopes ', { auth: { jwtSecret: 's', tokenStore: 'memory', anonymousScopes: 'x' } }],
    [
      'config.auth.anonymousScopes[0] ',
      { auth: { jwtSecret: 's', tokenStore: 'memory', anonymousScopes: ['npm:read'] } },
    ],
    ['config.auth.jwtSecret ', { auth: { jwtSecret: '', tokenStore: 'memory' } }],
    ['config.auth.selfRegistration ', { auth: { jwtSecret: 's', tokenStore: 'memory', selfRegistration: 'false' } }],
    ['config.auth.npmTokens.enabled ', { auth: { jwtSecret: 's', tokenStore: 'memory', npmTokens: {} } }],
    ['config.auth.users[0].password ', { auth: { jwtSecret: 's', tokenStore: 'memory', users: [{ username: 'a' }] } }],
    ['config.npm.enabled ', { npm: { enabled: 'yes' } }],
    ['config.npm.basePath ', { npm: { enabled: true, basePath: 'npm' } }],
    ['config.npm.basePath ', { npm: { enabled: true, basePath: '/a/../b' } }],
    ['config.npm.basePath ', { npm: { enabled: true, basePath: '/a//b' } }],
    ['config.npm.registryUrl ', { npm: { enabled: true, registryUrl: 'registry.example.com' } }],
    ['config.npm.registryUrl ', { npm: { enabled: true, registryUrl: 'https://registry.example.com:99999/npm' } }],
    ['config.npm.registryUrl ', { npm: { enabled: true, registryUrl: 'https://registry.example.com/npm?a=1' } }],
    ['config.npm.registryUrl ', { npm: { enabled: true, registryUrl: 'https://ann:pw@registry.example.com/npm' } }],
    ['config.registries[0].create ', { registries: [{ protocol: 'p', basePath: '/p' }] }],
    ['config.registries[0].basePath ', { registries: [{ protocol: 'p', create: () => null }] }],
    ['config.oci.absoluteLocations ', { oci: { enabled: true, absoluteLocations: 'yes' } }],
    ['config.cors ', { cors: true }],
    ['config.cors.origins ', { cors: { origins: 'https://x.example.org' } }],
    ['config.cors.origins[0] ', { cors: { origins: ['x.example.org'] } }],
    ['config.cors.origins[0] ', { cors: { origins: ['https://x.example.org/'] } }],
    ['config.cors.origins[0] ', { cors: { origins: ['https://*.example.org'] } }],
    ['config.limits.maxArtifactSize ', { limits: { maxArtifactSize: -1 } }],
    ['config.limits.maxArtifactSize ', { limits: { maxArtifactSize: 0 } }],
    ['config.limits.maxArtifactSize ', { limits: { maxArtifactSize: Number.NaN } }],
    ['config.limits.maxArtifactSize ', { limits: { maxArtifactSize: '1' } }],
    ['config.limits.maxSize ', { limits: { maxSize: 1 } }],
    ['config.trustProxy ', { trustProxy: 'false' }],
    ['config.npm ', { npm: true }],
    ['config.npm.features.emptyAudit ', { npm: { enabled: true, features: { emptyAudit: 'yes' } } }],
    ['config.oci.immutableTags ', { oci: { enabled: true, immutableTags: 'v*' } }],
    ['config.oci.uploadExpiryMs ', { oci: { enabled: true, uploadExpiryMs: 0 } }],
    ['config.oci.untaggedManifests ', { oci: { enabled: true, untaggedManifests: 'delete' } }],
    [
      'config.oci.untaggedManifests.deleteAfterMs ',
      { oci: { enabled: true, untaggedManifests: { deleteAfterMs: -1 } } },
    ],
    ['config.logger ', { logger: true }],
    ['config.logger has no method info()', { logger: { warn() {}, error() {} } }],
    ['config.logger has no method warn()', { logger: { info() {}, error() {} } }],
    ['config.logger has no method error()', { logger: { info() {}, warn() {} } }],
    ['config.cargo.defaultIndex ', { cargo: { enabled: true, defaultIndex: 'elsewhere' } }],
    [
      'config.auth.users[0].email ',
      { auth: { jwtSecret: 's', tokenStore: 'memory', users: [{ username: 'a', password: 'b', email: 5 }] } },
    ],
    [
      'config.auth.ociTokens.service ',
      { auth: { jwtSecret: 's', tokenStore: 'memory', ociTokens: { enabled: true, service: 5 } } },
    ],
    ...[
      'maxArtifactSize',
      'maxMetadataSize',
      'maxUnpackedSize',
      'bodyIdleTimeoutMs',
      'hookTimeoutMs',
      'metadataCacheSize',
    ].map((name): [string, Record<string, unknown>] => [`config.limits.${name} `, { limits: { [name]: 0 } }]),
  ];
  for (const [start, change] of cases) t.ok(problem(change).startsWith(start), `${start}: ${problem(change)}`);
});

t.test('several actions may share a scope, as they did in 0.3.0', async (t) => {
  const auth = { jwtSecret: 's', tokenStore: 'memory' };
  const scopes = ['oci:repository:*:pull,push', 'npm:package:@a/*:read'];
  t.equal(problem({ auth: { ...auth, anonymousScopes: scopes } }), 'accepted');
  t.equal(problem({ auth: { ...auth, users: [{ username: 'a', password: 'b', scopes }] } }), 'accepted');
  for (const wrong of ['oci:repository:*:pull,', 'oci:repository:*:pull, push', '']) {
    t.match(problem({ auth: { ...auth, anonymousScopes: [wrong] } }), /anonymousScopes\[0\] must be a scope/, wrong);
  }
});

t.test('no message holds a secret', async (t) => {
  const auth = {
    jwtSecret: 'top-secret-value',
    tokenStore: 'top-secret-store',
    users: [{ username: 'a', password: 5 }],
  };
  t.notMatch(problem({ auth }), /top-secret/);
});

t.test('a name that is not known is an error at every level, and the nearest known one is named', async (t) => {
  const auth = { jwtSecret: 's', tokenStore: 'memory' };
  const s3 = { endpoint: 's3.example.com', bucketName: 'c' };
  const cases: [string, Record<string, unknown>][] = [
    ['config.nmp is unknown; did you mean npm?', { nmp: { enabled: true } }],
    ['config.storagehooks is unknown; did you mean storageHooks?', { storagehooks: {} }],
    [
      'config.auth.anonymousscopes is unknown; did you mean anonymousScopes?',
      { auth: { ...auth, anonymousscopes: [] } },
    ],
    [
      'config.auth.users[0].scope is unknown; did you mean scopes?',
      { auth: { ...auth, users: [{ username: 'a', password: 'b', scope: [] }] } },
    ],
    [
      'config.auth.ociTokens.relam is unknown; did you mean realm?',
      { auth: { ...auth, ociTokens: { enabled: true, relam: 'x' } } },
    ],
    ['config.npm.basepath is unknown; did you mean basePath?', { npm: { enabled: true, basepath: '/x' } }],
    [
      'config.npm.features.emtyAudit is unknown; did you mean emptyAudit?',
      { npm: { enabled: true, features: { emtyAudit: true } } },
    ],
    ['config.npm.immutableTags is unknown', { npm: { enabled: true, immutableTags: [] } }],
    [
      'config.oci.untaggedManifests.deleteAfter is unknown; did you mean deleteAfterMs?',
      { oci: { enabled: true, untaggedManifests: { deleteAfterMs: 1, deleteAfter: 1 } } },
    ],
    ['config.maven.basPath is unknown; did you mean basePath?', { maven: { enabled: false, basPath: '/m' } }],
    ['config.storage.bucketname is unknown; did you mean bucketName?', { storage: { ...s3, bucketname: 'x' } }],
    ['config.storage.path is unknown', { storage: { directory: 'data', path: 'x' } }],
    ['config.limits.maxArtefactSize is unknown; did you mean maxArtifactSize?', { limits: { maxArtefactSize: 1 } }],
    [
      'config.registries[0].basepath is unknown; did you mean basePath?',
      { registries: [{ protocol: 'p', basePath: '/p', basepath: '/q', create() {} }] },
    ],
    ['config.storageHooks.beforePush is unknown; did you mean beforePut?', { storageHooks: { beforePush() {} } }],
    ['config.storageHooks.putBefore is unknown', { storageHooks: { async putBefore() {} } }],
    ['config.storageHooks.beforeput is unknown; did you mean beforePut?', { storageHooks: { async beforeput() {} } }],
    ['config.somethingElse is unknown', { somethingElse: 1 }],
  ];
  for (const [message, change] of cases) t.same(problems(change), [message]);
});

t.test('a misspelt field that says which kind of storage it is', async (t) => {
  const first = (storage: Record<string, unknown>) => problems({ storage })[0];
  t.equal(first({ directroy: './data' }), 'config.storage.directroy is unknown; did you mean directory?');
  t.equal(first({ objectstore: {} }), 'config.storage.objectstore is unknown; did you mean objectStore?');
  const bucketName = 'c';
  const others = { endpoint: 's3.example.com' };
  t.equal(
    first({ ...others, bucketname: bucketName }),
    'config.storage.bucketname is unknown; did you mean bucketName?',
  );
  for (const storage of [{}, { folder: 'x' }, others, { ...others, directoryPath: 'x' }]) {
    t.equal(first(storage), 'config.storage needs bucketName (with an S3 endpoint), directory or objectStore');
  }
});

t.test('everything that is wrong is told at once, what is misspelt first', async (t) => {
  t.same(problems({ auth: { jwtsecret: 'x', tokenStore: 'memory' }, limits: { maxMetadataSize: 0 } }), [
    'config.auth.jwtsecret is unknown; did you mean jwtSecret?',
    'config.auth.jwtSecret is missing: it must be a non-empty string',
    'config.limits.maxMetadataSize must be a positive number',
  ]);
});

t.test('an auth provider needs its methods', async (t) => {
  class Provider {
    readonly connection = {};
    async authenticate() {}
    async validateToken() {}
    async createToken() {}
    async revokeToken() {}
    async authorize() {}
    ownHelper() {}
  }
  t.same(problems({ authProvider: new Provider() }), []);
  t.same(problems({ authProvider: new (class extends Provider {})() }), [], 'inherited methods count');
  t.same(problems({ authProvider: { ...new Provider() } }), [
    'config.authProvider has no method authenticate()',
    'config.authProvider has no method validateToken()',
    'config.authProvider has no method createToken()',
    'config.authProvider has no method revokeToken()',
    'config.authProvider has no method authorize()',
  ]);
  const plain = { async authenticate() {}, async validateToken() {}, async createToken() {}, async revokeToken() {} };
  t.same(problems({ authProvider: { ...plain, async authorise() {} } }), [
    'config.authProvider has no method authorize(); is it authorise?',
  ]);
  for (const name of ['init', 'listTokens', 'createUser', 'getUser', 'permissions', 'destroy']) {
    t.same(problems({ authProvider: { ...plain, async authorize() {}, [name]: true } }), [
      `config.authProvider has a ${name} that is not a function`,
    ]);
  }
  t.same(problems({ authProvider: Provider }), [
    'config.authProvider must be an object with the methods of IAuthProvider',
  ]);
});

t.test('hooks may be methods of an object that has more than hooks', async (t) => {
  class Quota {
    used = 0;
    async beforePut() {
      return { allowed: true };
    }
    measure() {}
  }
  t.same(problems({ storageHooks: new Quota() }), []);
  class Misspelt extends Quota {
    async beforePush() {}
  }
  t.same(problems({ storageHooks: new Misspelt() }), [
    'config.storageHooks.beforePush is unknown; did you mean beforePut?',
  ]);
  t.same(problems({ storageHooks: { beforePut: true } }), ['config.storageHooks.beforePut must be a function']);
  t.same(problems({ storageHooks: { beforePut: undefined } }), []);
});

t.test('a token store that is a server needs its URL', async (t) => {
  const auth = (more: object) => problems({ auth: { jwtSecret: 'x'.repeat(40), ...more } });
  t.same(auth({ tokenStore: 'redis' }), [
    'config.auth.redis is missing: tokenStore "redis" needs it, such as { url: "redis://localhost:6379" }',
  ]);
  t.match(auth({ tokenStore: 'database', redis: { url: 'redis://localhost' } }), [
    /^config\.auth\.database is missing/,
  ]);
  t.same(auth({ tokenStore: 'redis', redis: {} }), [
    'config.auth.redis.url is missing: it must be a URL such as "redis://localhost:6379"',
  ]);
  t.match(auth({ tokenStore: 'redis', redis: { uri: 'redis://localhost' } }), [
    'config.auth.redis.uri is unknown; did you mean url?',
    /^config\.auth\.redis\.url is missing/,
  ]);
  const good = {
    redis: ['redis://localhost', 'rediss://:p%40ss@h:6380/3', 'redis://[::1]:6379'],
    database: [
      'postgres://localhost',
      'postgresql://ann:s@h:5433/name?sslmode=verify-full',
      'postgres:///name?host=/run/postgresql',
      'postgres://ann@/name?host=/run/postgresql',
    ],
  };
  for (const [tokenStore, urls] of Object.entries(good)) {
    for (const url of urls) t.same(auth({ tokenStore, [tokenStore]: { url } }), [], url);
  }
  for (const tokenStore of ['redis', 'database']) {
    for (const url of ['', 'localhost:6379', 'http://ann:hunter2@h', 'hunter2', '//h']) {
      const found = auth({ tokenStore, [tokenStore]: { url } });
      t.match(found, [new RegExp(`^config\\.auth\\.${tokenStore}\\.url must be a `)], url);
      t.notMatch(found.join(), /hunter2/);
    }
  }
  t.same(auth({ tokenStore: 'bucket', redis: { url: 'redis://localhost' } }), [], 'settings of another store may stay');
});

t.test('every name that the documentation of the interface has is accepted', async (t) => {
  const block = (name: string) => ({
    enabled: true,
    basePath: `/${name}`,
    registryUrl: `https://registry.example.com/${name}`,
    features: { anything: true },
    allowRepublish: true,
  });
  const { features: _, ...npm } = block('npm');
  const config = {
    storage: {
      accessKey: 'your-s3-key',
      accessSecret: 'your-s3-secret',
      endpoint: 's3.amazonaws.example',
      port: 443,
      useSsl: true,
      region: 'us-east-1',
      bucketName: 'my-registry',
    },
    auth: {
      jwtSecret: 'your-secret-key',
      tokenStore: 'database',
      npmTokens: { enabled: true, defaultReadOnly: true },
      ociTokens: { enabled: true, realm: 'https://auth.example.com/token', service: 'my-registry' },
      mavenTokens: { enabled: true },
      cargoTokens: { enabled: true },
      composerTokens: { enabled: true },
      pypiTokens: { enabled: true },
      rubygemsTokens: { enabled: true },
      redis: { url: 'redis://localhost' },
      database: { url: 'postgres://localhost' },
      anonymousScopes: ['npm:package:*:read'],
      selfRegistration: true,
      users: [{ username: 'ann', password: 'correct horse', email: 'ann@example.org', scopes: ['*:*:*:*'] }],
    },
    cors: { origins: ['https://packages.example.org', '*'] },
    storageHooks: { async beforePut() {}, async afterPut() {}, async beforeDelete() {}, async afterDelete() {} },
    oci: {
      ...npm,
      features: { delete: true, sparseIndexes: false },
      absoluteLocations: true,
      immutableTags: ['v*'],
      uploadExpiryMs: 1,
      untaggedManifests: { deleteAfterMs: 0 },
    },
    npm: { ...npm, features: { emptyAudit: true, strictNames: true } },
    maven: { ...block('maven'), features: {} },
    cargo: { ...block('cargo'), features: {}, defaultIndex: 'self' },
    composer: { ...block('composer'), features: {}, filterLists: ['malware'], warning: 'a', info: 'b' },
    pypi: { ...block('pypi'), features: {} },
    rubygems: { ...block('rubygems'), features: {} },
    upstreamProvider: { async resolveUpstreamConfig() {} },
    logger: console,
    trustProxy: false,
    limits: {
      maxArtifactSize: Number.POSITIVE_INFINITY,
      maxMetadataSize: 1,
      maxUnpackedSize: 1,
      bodyIdleTimeoutMs: 1,
      hookTimeoutMs: 1,
      metadataCacheSize: 1,
    },
  };
  t.same(problems(config), []);
  const bucket = {
    ...config.storage,
    directoryPath: 'folder',
    type: 's3',
    sessionToken: 'x',
    serverSideEncryption: 'AES256',
    checksums: 'WHEN_REQUIRED',
    createBucket: true,
    allowUnconditionalWrites: true,
  };
  t.same(problems({ storage: bucket, oci: { enabled: true, untaggedManifests: 'keep' } }), []);
  t.same(problems({ ...config, logger: false, storage: { ...config.storage, port: '443', useSsl: 'true' } }), []);
  t.same(problems({ upstreamProvider: {} }), ['config.upstreamProvider has no method resolveUpstreamConfig()']);
});

t.test('each field has its type', async (t) => {
  const auth = (more: object) => ({ auth: { jwtSecret: 's', tokenStore: 'memory', ...more } });
  const s3 = (more: object) => ({ storage: { bucketName: 'b', endpoint: 'e', ...more } });
  const TEXT = 'must be text';
  const FLAG = 'must be true or false';
  const NAME = 'must be a non-empty string';
  const URL_WANTED = 'must be an absolute http or https URL';
  const PATH = 'must be a path that begins with "/"';
  const table: [field: string, message: string, change: Record<string, unknown>][] = [
    ...['region', 'directoryPath', 'sessionToken', 'serverSideEncryption', 'accessKey'].map(
      (name): [string, string, Record<string, unknown>] => [
        `storage.${name}`,
        TEXT,
        s3({ accessKey: 'a', accessSecret: 'b', [name]: 5 }),
      ],
    ),
    ...['createBucket', 'allowUnconditionalWrites'].map((name): [string, string, Record<string, unknown>] => [
      `storage.${name}`,
      FLAG,
      s3({ [name]: 'yes' }),
    ]),
    ['storage.type', 'must be s3 or smartstorage', s3({ type: 'gcs' })],
    ['storage.port', 'must be a number', s3({ port: '80a' })],
    ['storage.useSsl', FLAG, s3({ useSsl: 'yes' })],
    ['storage.checksums', 'must be WHEN_SUPPORTED or WHEN_REQUIRED', s3({ checksums: 'x' })],
    ['storage.bucketName', NAME, { storage: { bucketName: '', endpoint: 'e' } }],
    [
      'storage',
      'must be an object: an S3 descriptor with bucketName, { directory } or { objectStore }',
      { storage: 'x' },
    ],
    ['storage', 'needs bucketName (with an S3 endpoint), directory or objectStore', { storage: { endpoint: 'e' } }],
    ['storage', 'has both directory and bucketName: choose one', { storage: { bucketName: 'b', directory: 'd' } }],
    ...['mavenTokens', 'cargoTokens', 'composerTokens', 'pypiTokens', 'rubygemsTokens', 'npmTokens', 'ociTokens'].map(
      (name): [string, string, Record<string, unknown>] => [
        `auth.${name}.enabled`,
        FLAG,
        auth({ [name]: { enabled: 1 } }),
      ],
    ),
    ['auth.npmTokens.defaultReadOnly', FLAG, auth({ npmTokens: { enabled: true, defaultReadOnly: 1 } })],
    ['auth.ociTokens.realm', TEXT, auth({ ociTokens: { enabled: true, realm: 1 } })],
    ['auth.ociTokens.issuer', TEXT, auth({ ociTokens: { enabled: true, issuer: 1 } })],
    ['auth.users', 'must be a list', auth({ users: {} })],
    ['auth.users[0].username', NAME, auth({ users: [{ username: '', password: 'x' }] })],
    ['auth.tokenStore', 'must be one of memory, redis, database, bucket', { auth: { jwtSecret: 's', tokenStore: 1 } }],
    ['npm.allowRepublish', FLAG, { npm: { enabled: true, allowRepublish: 'x' } }],
    ['npm.features', 'must be an object', { npm: { enabled: true, features: 5 } }],
    ['npm.features.strictNames', FLAG, { npm: { enabled: true, features: { strictNames: 5 } } }],
    ['oci.features.delete', FLAG, { oci: { enabled: true, features: { delete: 5 } } }],
    ['oci.features.sparseIndexes', FLAG, { oci: { enabled: true, features: { sparseIndexes: 5 } } }],
    ['oci.immutableTags[0]', TEXT, { oci: { enabled: true, immutableTags: [5] } }],
    [
      'composer.filterLists',
      'must be a list of names such as "malware"',
      { composer: { enabled: true, filterLists: 5 } },
    ],
    ['composer.filterLists[0]', NAME, { composer: { enabled: true, filterLists: [''] } }],
    ['composer.warning', NAME, { composer: { enabled: true, warning: '' } }],
    ['composer.info', NAME, { composer: { enabled: true, info: 5 } }],
    ['trustProxy', FLAG, { trustProxy: 1 }],
    ['limits', 'must be an object', { limits: 5 }],
    ['cors', 'must be an object with origins', { cors: 5 }],
    ['registries', 'must be a list', { registries: {} }],
    ['registries[0].protocol', NAME, { registries: [{ protocol: '', basePath: '/p', create() {} }] }],
    ['registries[0].create', 'must be a function', { registries: [{ protocol: 'p', basePath: '/p', create: 5 }] }],
    ['registries[0].enabled', FLAG, { registries: [{ protocol: 'p', basePath: '/p', create() {}, enabled: 5 }] }],
    ['storageHooks', 'must be an object with hooks such as beforePut', { storageHooks: [] }],
    ...['npm', '/a b', '/a?b', '/a#b', ''].map((basePath): [string, string, Record<string, unknown>] => [
      'npm.basePath',
      PATH,
      { npm: { enabled: true, basePath } },
    ]),
    ...['/a/./b', '/%2e%2E', '/a"'].map((basePath): [string, string, Record<string, unknown>] => [
      'npm.basePath',
      'must be a path that clients send as it is: no "..", no "//"',
      { npm: { enabled: true, basePath } },
    ]),
    ...['ftp://a', 'https:///a', 'https:// a', 'https:a', '//a', 5].map(
      (registryUrl): [string, string, Record<string, unknown>] => [
        'npm.registryUrl',
        URL_WANTED,
        { npm: { enabled: true, registryUrl } },
      ],
    ),
    ...['https://a/?', 'https://a/#', 'https://a/#b', 'https://ann@a', 'https://:pw@a'].map(
      (registryUrl): [string, string, Record<string, unknown>] => [
        'npm.registryUrl',
        'must be a URL without a query, "#" and credentials',
        { npm: { enabled: true, registryUrl } },
      ],
    ),
    ...['other', 'http://', 'sparse+ftp://a', 'selfish', 'xhttps://a', 'https://a b'].map(
      (defaultIndex): [string, string, Record<string, unknown>] => [
        'cargo.defaultIndex',
        'must be "self" or the URL of an index',
        { cargo: { enabled: true, defaultIndex } },
      ],
    ),
    ...['x.example.org', 'https://x/', 'https://X', 'https://x:443', 'https://*', 'null', '', 'ftp//'].map(
      (origin): [string, string, Record<string, unknown>] => [
        'cors.origins[0]',
        'must be an origin such as "https://packages.example.org", or "*"',
        { cors: { origins: [origin] } },
      ],
    ),
  ];
  for (const [field, message, change] of table) t.equal(problems(change)[0], `config.${field} ${message}`, field);
  t.same(problems(s3({ accessSecret: 's' })), [
    'config.storage.accessKey is missing: give it with accessSecret, or neither for the credential chain',
  ]);
  t.same(problems(s3({ accessKey: 'k', accessSecret: '' })), [
    'config.storage.accessSecret is missing: give it with accessKey, or neither for the credential chain',
  ]);
  const accepted: Record<string, unknown>[] = [
    s3({ port: '', useSsl: '0', type: 'smartstorage', checksums: 'WHEN_SUPPORTED' }),
    s3({ useSsl: '1', port: 9000 }),
    s3({ useSsl: 'false', accessKey: '', accessSecret: '' }),
    { npm: { enabled: true, basePath: '/' } },
    { npm: { enabled: true, basePath: '/a/' } },
    { npm: { enabled: true, registryUrl: 'http://a' } },
    { cargo: { enabled: true, defaultIndex: 'sparse+https://a/' } },
    { cargo: { enabled: true, defaultIndex: 'http://a' } },
    { cors: { origins: ['http://127.0.0.1:8080'] } },
    { limits: { hookTimeoutMs: Number.POSITIVE_INFINITY } },
    { oci: { enabled: true, uploadExpiryMs: 0.5, immutableTags: [''] } },
    { registries: [{ protocol: 'p', basePath: '/p', create() {}, features: { any: true } }] },
    {
      storageHooks: Object.fromEntries(
        ['beforePut', 'afterPut', 'beforeDelete', 'afterDelete', 'beforeGet', 'afterGet', 'afterAbort'].map((name) => [
          name,
          () => undefined,
        ]),
      ),
    },
  ];
  for (const change of accepted) t.same(problems(change), [], JSON.stringify(change));
});

t.test('a store of the embedder needs its methods, and what it may have besides are methods too', async (t) => {
  const names = ['head', 'get', 'put', 'compose', 'delete', 'list'];
  const whole = Object.fromEntries(names.map((name) => [name, () => undefined]));
  const store = (objectStore: object) => problems({ storage: { objectStore } });
  t.same(store({ ...whole, init() {}, destroy() {}, other: 5 }), []);
  for (const name of names) {
    const { [name]: _, ...rest } = whole;
    t.match(store(rest), [new RegExp(`^config\\.storage\\.objectStore has no method ${name}\\(\\)`)], name);
  }
  for (const name of [...names, 'init', 'destroy']) {
    t.same(store({ ...whole, [name]: 5 }), [`config.storage.objectStore has a ${name} that is not a function`]);
  }
  t.throws(() => checkConfig(null as unknown as IRegistryConfig), TypeError);
  t.throws(() => checkConfig([] as unknown as IRegistryConfig), TypeError);
});
