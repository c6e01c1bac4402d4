import { RegistryError } from '../../core/classes.registryerror.js';
import type { IResponse } from '../../core/interfaces.core.js';
import type { RegistryCall } from '../../core/pipeline/classes.registrycall.js';
import { respond } from '../../core/pipeline/helpers.http.js';
import { readFields } from './handlers.yank.js';

/** The rights that `gem signin` asks for and that need more than reading. */
const WRITES = [
  'push_rubygem',
  'yank_rubygem',
  'add_owner',
  'remove_owner',
  'update_owner',
  'configure_trusted_publishers',
];

/** The rights that need no more than reading. */
const READS = ['index_rubygems', 'show_dashboard', 'access_webhooks'];

const FIELDS = ['name', ...READS, ...WRITES];

/** Keys are made for a user name and a password only, so that a stolen key cannot make others that live longer. */
const userWithPassword = async (call: RegistryCall): Promise<string> => {
  const userId = call.userId as string;
  const header = call.header('authorization') ?? '';
  const decoded = /^basic\s/i.test(header) ? Buffer.from(header.slice(6).trim(), 'base64').toString('utf8') : '';
  const colon = decoded.indexOf(':');
  if (colon > 0) {
    const credentials = { username: decoded.slice(0, colon), password: decoded.slice(colon + 1), from: call.address };
    if ((await call.auth.authenticate(credentials)) === userId) return userId;
  }
  throw new RegistryError('unauthenticated', 'An API key is made for a user name and a password');
};

interface IKeyOptions {
  name: string;
  readonly?: boolean;
}

const newKey = async (call: RegistryCall, userId: string, options: IKeyOptions): Promise<IResponse> => {
  // a HEAD has no body, and nobody would ever know this key
  const key = call.method === 'HEAD' ? '' : await call.auth.createToken(userId, call.protocol, options);
  return respond(200, key, { 'Cache-Control': 'no-store' });
};

/** GET /api/v1/api_key: `gem signin` before RubyGems 3.2. The answer is the key. */
export const getApiKey = async (call: RegistryCall): Promise<IResponse> =>
  newKey(call, await userWithPassword(call), { name: 'gem signin' });

/**
 * POST /api/v1/api_key: `gem signin`. The answer is the key and nothing else. A key for which only rights to read are
 * asked for is a read-only one. If no right is asked for, as by gem when its user says no to each, there is no key:
 * `unprocessable`, as the public registry answers.
 * @see the guides of RubyGems, "API"
 */
export const createApiKey = async (call: RegistryCall): Promise<IResponse> => {
  const field = await readFields(call, FIELDS);
  const userId = await userWithPassword(call);
  const isSet = (name: string): boolean => /^(?:true|on|1)$/i.test(field(name) ?? '');
  const mayWrite = WRITES.some(isSet);
  if (!mayWrite && !READS.some(isSet)) {
    throw new RegistryError(
      'unprocessable',
      'The key needs at least one right, such as push_rubygem or index_rubygems',
    );
  }
  return newKey(call, userId, { name: field('name') ?? 'gem signin', readonly: !mayWrite });
};
