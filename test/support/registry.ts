import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import {
  type IRegistryConfig,
  type IRequestContext,
  type IResponse,
  SmartRegistry,
  streamToBuffer,
} from '../../ts/index.js';

/** A folder that is gone when the test ends. */
export const temporaryFolder = async (t: Pick<Test, 'teardown'>): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'smartregistry-'));
  t.teardown(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
};

/** A started registry on a directory of its own; both are gone when the test ends. */
export const startRegistry = async (
  t: Pick<Test, 'teardown'>,
  config: Partial<IRegistryConfig> = {},
): Promise<SmartRegistry> => {
  const storage = config.storage ?? { directory: await temporaryFolder(t) };
  const registry = new SmartRegistry({
    auth: { jwtSecret: 'a-secret-of-the-tests', tokenStore: 'memory' },
    ...config,
    logger: config.logger ?? false,
    storage,
  });
  await registry.init();
  t.teardown(() => registry.destroy());
  return registry;
};

/** All keys of the store, except the users and tokens of the test itself, and what says how the store is laid out. */
export const storedKeys = async (registry: SmartRegistry): Promise<string[]> => {
  const keys: string[] = [];
  for await (const { key } of registry.getStorage().listDocuments({ prefix: '' })) {
    if (!key.startsWith('auth/') && key !== 'oci/layout.json') keys.push(key);
  }
  return keys;
};

export interface IAnswer extends IResponse {
  bytes: Buffer;
  text: string;
  json(): Record<string, unknown>;
}

/** Sends one request and reads the whole answer. */
export const send = async (
  registry: SmartRegistry,
  method: string,
  path: string,
  more: Partial<IRequestContext> = {},
): Promise<IAnswer> => {
  const [pathname, search = ''] = path.split('?') as [string, string?];
  const query = Object.fromEntries(new URLSearchParams(search));
  const response = await registry.handleRequest({ method, path: pathname, headers: {}, query, ...more });
  const bytes = await streamToBuffer(response.body);
  return {
    ...response,
    bytes,
    text: bytes.toString(),
    json: () => JSON.parse(bytes.toString()) as Record<string, unknown>,
  };
};
