import type { AuthManager } from '../core/classes.authmanager.js';
import { scopeAdvice } from '../helpers.scopeadvice.js';
import { loadConfig } from './helpers.cliconfig.js';
import { formatTable, type ICommand, parseCommand, STORE_OPTIONS, type TEnvironment } from './helpers.commandline.js';
import { warnOf } from './helpers.log.js';
import { openForAdministration } from './helpers.opening.js';
import { readPassword } from './helpers.password.js';

const PLACE = `  --data DIRECTORY   the store (SMARTREGISTRY_DATA, default ./data)
  --config FILE      the configuration that says where the store is (SMARTREGISTRY_CONFIG)
`;
const PASSWORD = `  --password-stdin   read the password from stdin; else it is SMARTREGISTRY_PASSWORD, or asked for
`;

type TUsers = AuthManager['users'];

const withUsers = async <T>(
  values: { data?: string; config?: string },
  env: TEnvironment,
  work: (users: TUsers) => Promise<T>,
): Promise<T> => {
  const registry = await openForAdministration(await loadConfig(values, env), 'users');
  try {
    return await work(registry.getAuthManager().users);
  } finally {
    await registry.destroy();
  }
};

export const userAdd: ICommand = {
  help: `Usage: smartregistry user add NAME [options]

Without --admin or --scope the user may read and publish everything and delete nothing.

  --admin            every right
  --scope SCOPE      {protocol}:{type}:{name}:{action}, e.g. npm:package:@team/*:write; may be repeated
  --email ADDRESS
${PASSWORD}${PLACE}`,
  async run(args, env) {
    const options = {
      ...STORE_OPTIONS,
      admin: { type: 'boolean' },
      scope: { type: 'string', multiple: true },
      email: { type: 'string' },
      'password-stdin': { type: 'boolean' },
    } as const;
    const { values, operands } = parseCommand(args, options, ['NAME']);
    const [username] = operands as [string];
    const scopes = values.admin ? ['*:*:*:*'] : values.scope;
    const password = await readPassword(values['password-stdin'], env);
    const { email } = values;
    await withUsers(values, env, (users) => users.create({ username, password }, { email, scopes }));
    process.stdout.write(`added user ${username}\n`);
    warnOf(scopeAdvice(scopes));
    return 0;
  },
};

export const userPasswd: ICommand = {
  help: `Usage: smartregistry user passwd NAME [options]

Sets a new password. Tokens stay valid.

${PASSWORD}${PLACE}`,
  async run(args, env) {
    const options = { ...STORE_OPTIONS, 'password-stdin': { type: 'boolean' } } as const;
    const { values, operands } = parseCommand(args, options, ['NAME']);
    const [username] = operands as [string];
    const password = await readPassword(values['password-stdin'], env);
    await withUsers(values, env, (users) => users.setPassword(username, password));
    process.stdout.write(`changed the password of ${username}\n`);
    return 0;
  },
};

export const userRemove: ICommand = {
  help: `Usage: smartregistry user remove NAME [options]

Removes the user and all tokens of the user.

${PLACE}`,
  async run(args, env) {
    const { values, operands } = parseCommand(args, STORE_OPTIONS, ['NAME']);
    const [username] = operands as [string];
    await withUsers(values, env, (users) => users.remove(username));
    process.stdout.write(`removed user ${username}\n`);
    return 0;
  },
};

export const userList: ICommand = {
  help: `Usage: smartregistry user list [options]

${PLACE}`,
  async run(args, env) {
    const { values } = parseCommand(args, STORE_OPTIONS);
    const users = await withUsers(values, env, (all) => all.list());
    const rows = users.map(({ userId, email, source, scopes }) => [userId, email ?? '-', source, scopes.join(' ')]);
    process.stdout.write(await formatTable([['NAME', 'EMAIL', 'KEPT IN', 'SCOPES'], ...rows]));
    return 0;
  },
};
