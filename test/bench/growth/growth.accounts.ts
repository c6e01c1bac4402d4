import { createHash } from 'node:crypto';
import { main } from '../../../ts/cli/commands.main.js';
import { copySample, sampleOf } from './copies.js';
import type { IPart, IWorld } from './interfaces.growth.js';
import { openRegistry } from './worlds.js';

/** Runs a command of the command line in this process, and keeps its output from being shown. */
const command = async ({ config }: IWorld, ...args: string[]): Promise<void> => {
  if (!('directory' in config)) throw new Error('The command line is measured on a directory only');
  const { write } = process.stdout;
  process.stdout.write = () => true;
  try {
    const code = await main([...args, '--data', config.directory], {});
    if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`);
  } finally {
    process.stdout.write = write;
  }
};

const idOf = (number: number): string => createHash('sha256').update(`token ${number}`).digest('hex');

/** Users, each with a token. */
export const accounts: IPart = {
  what: 'users and tokens',
  scales: [100, 10_000],
  onS3: [],
  build: async (world) => {
    const auth = { jwtSecret: 'a-secret-of-the-bench-that-is-long-enough', tokenStore: 'bucket' as const };
    const { registry } = await openRegistry(world, {
      auth: { ...auth, users: [{ username: 'growth', password: 'correct horse' }] },
    });
    const manager = registry.getAuthManager();
    const { plain } = world.store;
    let id = '';
    const samples = await sampleOf(world.store, 'auth/', async () => {
      await manager.users.create({ username: 'a-sample', password: 'correct horse battery' });
      await manager.createNpmToken('a-sample');
      id = (await manager.listTokens('a-sample'))[0]?.id ?? '';
    });
    await copySample(plain, samples, world.scale, (number) => [
      ['a-sample', `user-${number}`],
      [id, idOf(number)],
    ]);
    await registry.destroy();
  },
  measure: async (world) => {
    const { meter, isQuick } = world;
    await command(world, 'token', 'list', '--user', 'user-1');
    await meter.step('user list', 1, () => command(world, 'user', 'list'));
    await meter.step('token list', 1, () => command(world, 'token', 'list'));
    await meter.step('token revoke', isQuick ? 2 : 5, (at) => command(world, 'token', 'revoke', idOf(at)));
  },
};
