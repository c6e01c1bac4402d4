import type { IRequestContext, IResponse } from '../core/interfaces.core.js';
import { hostAnswer } from './helpers.failures.js';
import type { IRequestHandler } from './interfaces.http.js';

const HEALTH_PATH = '/-/health';
/** ms after which a store that does not respond counts as down; load balancers rarely wait longer */
const HEALTH_TIMEOUT = 5_000;

export interface IHealthOptions {
  /** ms after which a store that does not respond counts as down; default 5,000 */
  timeoutMs?: number | undefined;
}

const isHealthy = async (registry: IRequestHandler, timeoutMs: number): Promise<boolean> => {
  if (!registry.checkHealth) return true;
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs);
  });
  try {
    return await Promise.race([registry.checkHealth(), tooLate]);
  } catch {
    return false; // reported by the answer; the registry logs the cause
  } finally {
    clearTimeout(timer);
  }
};

const health = async (
  registry: IRequestHandler,
  context: IRequestContext,
  { timeoutMs = HEALTH_TIMEOUT }: IHealthOptions,
): Promise<IResponse> => {
  if (context.method !== 'GET' && context.method !== 'HEAD') {
    return hostAnswer(405, { error: `${context.method} is not possible here` }, { Allow: 'GET, HEAD' });
  }
  const healthy = await isHealthy(registry, timeoutMs);
  const answer = hostAnswer(healthy ? 200 : 503, { status: healthy ? 'ok' : 'unavailable' });
  return context.method === 'HEAD' ? { status: answer.status, headers: answer.headers } : answer;
};

/**
 * Handles `GET|HEAD /-/health` (200 `{"status":"ok"}`, 503 if the store does not respond) and passes on all other
 * requests. `createNodeServer` has it built in; elsewhere: `toFetchHandler(withHealth(registry))`.
 */
export const withHealth = (registry: IRequestHandler, options: IHealthOptions = {}): IRequestHandler => ({
  trustProxy: registry.trustProxy,
  handles: (path, prefix) => path === HEALTH_PATH || (registry.handles?.(path, prefix) ?? true),
  locate: (path) => (path === HEALTH_PATH ? { prefix: '', path } : registry.locate?.(path)),
  logger: registry.logger,
  handleRequest(context) {
    return context.path === HEALTH_PATH ? health(registry, context, options) : registry.handleRequest(context);
  },
});
