import { type IRegistryConfig, type IRequestContext, SmartRegistry, streamToBuffer } from '../../../ts/index.js';
import type { IWorld } from './interfaces.growth.js';

/** A registry on the store of this world, with an administrator who comes with this header. */
export const openRegistry = async (
  { store }: IWorld,
  more: Partial<IRegistryConfig> = {},
): Promise<{ registry: SmartRegistry; headers: Record<string, string> }> => {
  const users = [{ username: 'growth', password: 'correct horse', scopes: ['*:*:*:*'] }];
  const registry = new SmartRegistry({
    auth: { jwtSecret: 'a-secret-of-the-bench-that-is-long-enough', tokenStore: 'memory', users },
    npm: { enabled: true },
    oci: { enabled: true },
    storage: { objectStore: store.counted },
    ...more,
  });
  await registry.init();
  // a chore would run beside a step that is measured
  await (registry as unknown as { housekeeper: { stop(): Promise<void> } }).housekeeper.stop();
  const token = await registry.getAuthManager().createNpmToken('growth');
  return { registry, headers: { Authorization: `Bearer ${token}` } };
};

/** Sends a request and reads its answer; throws unless the answer is a good one. */
export const send = async (registry: SmartRegistry, context: Partial<IRequestContext> & { path: string }) => {
  const [path, search = ''] = context.path.split('?') as [string, string?];
  const query = Object.fromEntries(new URLSearchParams(search));
  const response = await registry.handleRequest({ method: 'GET', headers: {}, query, ...context, path });
  const bytes = await streamToBuffer(response.body);
  if (response.status >= 300) throw new Error(`${context.method} ${path}: ${response.status} ${bytes}`);
  return { ...response, bytes };
};
