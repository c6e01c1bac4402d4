import type { RedisConnection } from './classes.redisconnection.js';

const fieldOf = (info: string, name: string): string | undefined =>
  new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];

/**
 * Settings of a Redis server by which it loses tokens, as sentences for the log. Redis is often set up as a cache, which
 * may forget. `CONFIG` would say more, but hosted servers refuse it.
 */
export const describeRisks = async (connection: Pick<RedisConnection, 'send'>): Promise<string[]> => {
  let info: string;
  try {
    info = String(await connection.send(['INFO']));
  } catch {
    return []; // an account without this right
  }
  const risks: string[] = [];
  if (fieldOf(info, 'role') === 'slave') {
    risks.push(
      'The Redis server of auth.redis.url is a replica, which refuses writes: tokens cannot be made or revoked',
    );
  }
  if (fieldOf(info, 'aof_enabled') === '0') {
    risks.push(
      'The Redis server of auth.redis.url has "appendonly no": if it crashes, new tokens are lost, and tokens that were revoked since its last snapshot are valid again',
    );
  }
  const policy = fieldOf(info, 'maxmemory_policy');
  const isLimited = (fieldOf(info, 'maxmemory') ?? '0') !== '0';
  if (isLimited && policy !== undefined && policy !== 'noeviction') {
    risks.push(
      `The Redis server of auth.redis.url has "maxmemory-policy ${policy}": it removes tokens and revocations when its memory is full`,
    );
  }
  return risks;
};
