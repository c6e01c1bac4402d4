import { DEFAULT_LIMITS } from './core/base/helpers.limits.js';
import { ConfigError } from './core/classes.configerror.js';
import type { IProtocolConfig } from './core/interfaces.core.js';
import type { IOciConfig, IRegistryConfig } from './interfaces.config.js';

export const PROTOCOLS = ['oci', 'npm', 'maven', 'cargo', 'composer', 'pypi', 'rubygems'] as const;
export type TBuiltInProtocol = (typeof PROTOCOLS)[number];

const TOKEN_STORES = ['memory', 'redis', 'database', 'bucket'];

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const requireText = (value: unknown, field: string): void => {
  if (typeof value !== 'string' || value === '') throw new ConfigError(field, 'must be a non-empty string');
};

const checkStorage = (storage: unknown): void => {
  if (!isObject(storage))
    throw new ConfigError(
      'storage',
      'must be an object: an S3 descriptor with bucketName, { directory } or { objectStore }',
    );
  const forms = ['directory', 'objectStore', 'bucketName'].filter((field) => storage[field] !== undefined);
  if (forms.length === 0)
    throw new ConfigError('storage', 'needs bucketName (with an S3 endpoint), directory or objectStore');
  if (forms.length > 1) throw new ConfigError('storage', `has both ${forms.join(' and ')}: choose one`);
  if (forms[0] === 'directory') requireText(storage.directory, 'storage.directory');
  if (forms[0] === 'bucketName') checkS3(storage);
  if (forms[0] === 'objectStore') checkObjectStore(storage.objectStore);
};

const checkS3 = (storage: Record<string, unknown>): void => {
  requireText(storage.bucketName, 'storage.bucketName');
  requireText(storage.endpoint, 'storage.endpoint');
  if ((storage.accessKey === undefined) !== (storage.accessSecret === undefined)) {
    throw new ConfigError(
      'storage.accessSecret',
      'and storage.accessKey go together: give both, or neither to use the credential chain',
    );
  }
};

const checkObjectStore = (store: unknown): void => {
  const methods = (isObject(store) ? store : {}) as Record<string, unknown>;
  for (const method of ['head', 'get', 'put', 'compose', 'delete', 'list']) {
    if (typeof methods[method] !== 'function')
      throw new ConfigError('storage.objectStore', `has no method ${method}()`);
  }
};

const checkAuth = (auth: unknown): void => {
  if (!isObject(auth)) throw new ConfigError('auth', 'must be an object with jwtSecret and tokenStore');
  requireText(auth.jwtSecret, 'auth.jwtSecret');
  if (!TOKEN_STORES.includes(auth.tokenStore as string)) {
    throw new ConfigError('auth.tokenStore', `must be one of ${TOKEN_STORES.join(', ')}`);
  }
  if (auth.anonymousScopes !== undefined && !isTextList(auth.anonymousScopes)) {
    throw new ConfigError('auth.anonymousScopes', 'must be a list of scopes such as "npm:package:*:read"');
  }
  if (auth.users !== undefined) {
    if (!Array.isArray(auth.users)) throw new ConfigError('auth.users', 'must be a list');
    auth.users.forEach((user: unknown, index) => {
      if (!isObject(user)) throw new ConfigError(`auth.users[${index}]`, 'must be an object');
      requireText(user.username, `auth.users[${index}].username`);
      requireText(user.password, `auth.users[${index}].password`);
    });
  }
};

const isTextList = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

const checkProtocol = (config: unknown, field: string): void => {
  if (!isObject(config)) throw new ConfigError(field, 'must be an object such as { enabled: true }');
  const { enabled, basePath, registryUrl } = config as Partial<IProtocolConfig>;
  if (typeof enabled !== 'boolean') throw new ConfigError(`${field}.enabled`, 'must be true or false');
  if (basePath !== undefined && (typeof basePath !== 'string' || !/^\/[^?#\s]*$/.test(basePath))) {
    throw new ConfigError(`${field}.basePath`, 'must be a path that begins with "/"');
  }
  if (registryUrl !== undefined && !(typeof registryUrl === 'string' && /^https?:\/\/[^/\s]+/.test(registryUrl))) {
    throw new ConfigError(`${field}.registryUrl`, 'must be an absolute http or https URL');
  }
};

const checkOci = ({ untaggedManifests: policy, absoluteLocations }: IOciConfig): void => {
  if (absoluteLocations !== undefined && typeof absoluteLocations !== 'boolean') {
    throw new ConfigError('oci.absoluteLocations', 'must be true or false');
  }
  if (policy === undefined || policy === 'keep') return;
  if (isObject(policy) && typeof policy.deleteAfterMs === 'number' && policy.deleteAfterMs >= 0) return;
  throw new ConfigError('oci.untaggedManifests', "must be 'keep' or { deleteAfterMs: a number of milliseconds }");
};

const isOrigin = (text: string): boolean =>
  text === '*' || (!text.includes('*') && URL.canParse(text) && new URL(text).origin === text);

const checkCors = (cors: unknown): void => {
  const { origins } = isObject(cors) ? cors : {};
  if (!isTextList(origins) || !origins.every(isOrigin)) {
    throw new ConfigError('cors.origins', 'must be a list of origins such as "https://packages.example.org", or ["*"]');
  }
};

const checkLimits = (limits: unknown): void => {
  if (!isObject(limits)) throw new ConfigError('limits', 'must be an object');
  for (const [name, value] of Object.entries(limits)) {
    if (!Object.hasOwn(DEFAULT_LIMITS, name)) throw new ConfigError(`limits.${name}`, 'is not a known limit');
    if (typeof value !== 'number' || !(value > 0)) throw new ConfigError(`limits.${name}`, 'must be a positive number');
  }
};

/** Throws a `ConfigError` that names the first field that is wrong. */
export const checkConfig = (config: IRegistryConfig): void => {
  if (!isObject(config)) throw new TypeError('SmartRegistry needs a configuration object');
  checkStorage(config.storage);
  checkAuth(config.auth);
  for (const protocol of PROTOCOLS) {
    if (config[protocol] !== undefined) checkProtocol(config[protocol], protocol);
  }
  if (config.oci) checkOci(config.oci);
  const { registries = [] } = config;
  if (!Array.isArray(registries)) throw new ConfigError('registries', 'must be a list');
  registries.forEach((entry, index) => {
    const field = `registries[${index}]`;
    checkProtocol({ enabled: true, ...entry }, field);
    requireText(entry.protocol, `${field}.protocol`);
    requireText(entry.basePath, `${field}.basePath`);
    if (typeof entry.create !== 'function') throw new ConfigError(`${field}.create`, 'must be a function');
  });
  if (config.cors !== undefined) checkCors(config.cors);
  if (config.limits !== undefined) checkLimits(config.limits);
};
