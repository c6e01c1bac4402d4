import { availableProtocols } from '../classes.smartregistry.js';
import type { ITokenInfo } from '../core/auth/interfaces.auth.js';
import type { AuthManager } from '../core/classes.authmanager.js';
import { scopeAdvice } from '../helpers.scopeadvice.js';
import { loadConfig } from './helpers.cliconfig.js';
import {
  CommandError,
  formatTable,
  type ICommand,
  parseCommand,
  parseDuration,
  required,
  STORE_OPTIONS,
  type TEnvironment,
  UsageError,
} from './helpers.commandline.js';
import { warnOf } from './helpers.log.js';
import { openForAdministration } from './helpers.opening.js';

const PLACE = `  --data DIRECTORY   the store (SMARTREGISTRY_DATA, default ./data)
  --config FILE      the configuration that says where the store is (SMARTREGISTRY_CONFIG)
`;

const withAuth = async <T>(
  values: { data?: string; config?: string },
  env: TEnvironment,
  work: (auth: AuthManager) => Promise<T>,
): Promise<T> => {
  const registry = await openForAdministration(await loadConfig(values, env), 'tokens');
  try {
    return await work(registry.getAuthManager());
  } finally {
    await registry.destroy();
  }
};

const tokensOf = async (auth: AuthManager, user: string | undefined): Promise<ITokenInfo[]> => {
  if (user !== undefined && !(await auth.users.get(user))) throw new CommandError(`There is no user ${user}`);
  return auth.listTokens(user);
};

function* tableOf(tokens: readonly ITokenInfo[]): Generator<string[], void, undefined> {
  yield ['ID', 'USER', 'PROTOCOL', 'BEGINS', 'ACCESS', 'EXPIRES', 'NAME', 'SCOPES'];
  for (const token of tokens) {
    yield [
      token.id,
      token.userId,
      token.protocol,
      `${token.hint}…`,
      token.readonly ? 'read-only' : 'full',
      token.expiresAt?.toISOString() ?? 'never',
      token.name ?? '-',
      token.scopes.join(' '),
    ];
  }
}

export const tokenCreate: ICommand = {
  help: `Usage: smartregistry token create --user NAME --protocol PROTOCOL [options]

Prints the new token and nothing else. Protocols of this release: ${availableProtocols().join(', ')}.

  --user NAME        whose token it is; it never holds more rights than its user
  --protocol NAME    the protocol it is for
  --scope SCOPE      {protocol}:{type}:{name}:{action}; may be repeated; default: all that the user may
  --read-only        for reading only
  --expires TIME     such as 12h, 30d, 1y; default: never
  --name TEXT        to recognise it by
${PLACE}`,
  async run(args, env) {
    const options = {
      ...STORE_OPTIONS,
      user: { type: 'string' },
      protocol: { type: 'string' },
      scope: { type: 'string', multiple: true },
      'read-only': { type: 'boolean' },
      expires: { type: 'string' },
      name: { type: 'string' },
    } as const;
    const { values } = parseCommand(args, options);
    const user = required(values.user, '--user');
    const protocol = required(values.protocol, '--protocol');
    const known: string[] = availableProtocols();
    if (!known.includes(protocol)) throw new UsageError(`--protocol must be one of ${known.join(', ')}`);
    const expiresIn = values.expires === undefined ? undefined : parseDuration(values.expires, '--expires');
    const { scope: scopes, 'read-only': readonly, name } = values;
    const token = await withAuth(values, env, (auth) =>
      auth.createToken(user, protocol, { scopes, readonly, expiresIn, name }),
    );
    process.stdout.write(`${token}\n`);
    warnOf(scopeAdvice(scopes));
    return 0;
  },
};

export const tokenList: ICommand = {
  help: `Usage: smartregistry token list [--user NAME] [options]

Lists the tokens of a user, or of all users. The tokens themselves are not kept and cannot be shown.

  --user NAME
${PLACE}`,
  async run(args, env) {
    const { values } = parseCommand(args, { ...STORE_OPTIONS, user: { type: 'string' } } as const);
    const tokens = await withAuth(values, env, (auth) => tokensOf(auth, values.user));
    process.stdout.write(await formatTable(tableOf(tokens)));
    return 0;
  },
};

/** A shorter prefix of an id could match another token tomorrow. */
const SHORTEST_ID = 8;

const idOf = async (auth: AuthManager, given: string): Promise<string> => {
  // two results show that the prefix is ambiguous
  const [id, other] = given.length < SHORTEST_ID ? [] : await auth.findTokenIds(given, 2);
  if (other !== undefined) throw new CommandError('More than one token has an id with this beginning');
  if (id !== undefined) return id;
  if (await auth.validateToken(given)) return given;
  throw new CommandError('There is no such token');
};

export const tokenRevoke: ICommand = {
  help: `Usage: smartregistry token revoke ID [options]

ID is the token's id as "token list" shows it (its first ${SHORTEST_ID} characters will do), or the token itself.

${PLACE}`,
  async run(args, env) {
    const { values, operands } = parseCommand(args, STORE_OPTIONS, ['ID']);
    const [given] = operands as [string];
    await withAuth(values, env, async (auth) => auth.revokeToken(await idOf(auth, given)));
    process.stdout.write('revoked\n');
    return 0;
  },
};
