/**
 * Scripts of Redis. Each is one command, so a connection that breaks leaves all of its changes or none. The braces make
 * all keys belong to one slot, without which a server in cluster mode refuses scripts.
 */
const PREFIX = '{smartregistry}:';

/** the record, as JSON */
export const tokenKey = (hash: string): string => `${PREFIX}token:${hash}`;
/** sorted set of a user's hashes, by age */
export const userKey = (encodedUser: string): string => `${PREFIX}user:${encodedUser}`;
/** exists if the JWT is revoked */
export const revokedKey = (idHash: string): string => `${PREFIX}revoked:${idHash}`;
/** sorted set of all hashes, in their own order */
export const ALL_KEY = `${PREFIX}tokens`;
/** sorted set of `{hash}:{encoded user}` of the tokens that expire, by the ms at which they do */
export const ENDS_KEY = `${PREFIX}ends`;

export const endsMember = (hash: string, encodedUser: string): string => `${hash}:${encodedUser}`;

/**
 * A token that Redis itself removes when it expires stays in the three sets until the sweep, which needs no record:
 * readers skip hashes without one.
 *
 * KEYS: record, user's set, all, ends. ARGV: record, hash, ms of creation, then for a token that expires: member of
 * ends, ms of its end, ms that it lives.
 */
export const PUT = `
if ARGV[4] then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[6])
  redis.call('ZADD', KEYS[4], ARGV[5], ARGV[4])
else
  redis.call('SET', KEYS[1], ARGV[1])
end
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[2])
redis.call('ZADD', KEYS[3], 0, ARGV[2])
return 1`;

/** KEYS: record, ends. ARGV: record, ms that it lives, ms of its end, member of ends. */
export const PROLONG = `
if not redis.call('SET', KEYS[1], ARGV[1], 'XX', 'PX', ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[4])
return 1`;

/** KEYS: record, user's set, all, ends. ARGV: hash, member of ends. Returns the number of removed records. */
export const DELETE = `
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[2])
return redis.call('DEL', KEYS[1])`;

/** KEYS: ends, all. ARGV: ms, how many at most, prefix of keys. Returns the number of tokens that ended before. */
export const SWEEP = `
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[1], 'LIMIT', 0, ARGV[2])
for _, member in ipairs(due) do
  local hash, user = string.match(member, '^(%x+):(.*)$')
  redis.call('DEL', ARGV[3] .. 'token:' .. hash)
  redis.call('ZREM', ARGV[3] .. 'user:' .. user, hash)
  redis.call('ZREM', KEYS[2], hash)
  redis.call('ZREM', KEYS[1], member)
end
return #due`;

export const sweepCommand = (beforeMs: number, limit: number): string[] => [
  ...['EVAL', SWEEP, '2', ENDS_KEY, ALL_KEY],
  ...[String(beforeMs), String(limit), PREFIX],
];

/** A command that runs a script. */
export const runScript = (script: string, keys: string[], values: string[]): string[] => [
  ...['EVAL', script, String(keys.length)],
  ...keys,
  ...values,
];
