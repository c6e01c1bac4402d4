import { SmartRegistry, streamToBuffer } from '../../../../ts/index.js';
import { clockOf } from '../../clock.js';
import type { IGem } from '../gems.js';

/** A folder with the store of a registry into which these gems were pushed some days ago. */
export const oldStore = async (directory: string, { daysAgo }: { daysAgo: number }, gems: IGem[]): Promise<void> => {
  const users = [{ username: 'ann', password: 'correct horse', scopes: ['rubygems:*:*:*'] }];
  const registry = new SmartRegistry({
    storage: { directory },
    auth: { jwtSecret: 'only for this test, and long enough', tokenStore: 'memory', users },
    rubygems: { enabled: true },
    logger: false,
  });
  await registry.init();
  try {
    const token = await registry.getAuthManager().createRubyGemsToken('ann');
    clockOf(registry, new Date(Date.now() - daysAgo * 86_400_000).toISOString());
    for (const { filename, bytes } of gems) {
      const { status, body } = await registry.handleRequest({
        method: 'POST',
        path: '/rubygems/api/v1/gems',
        headers: { authorization: token, 'content-type': 'application/octet-stream' },
        query: {},
        body: bytes,
      });
      if (status >= 300) throw new Error(`${filename}: ${status} ${await streamToBuffer(body)}`);
    }
  } finally {
    await registry.destroy();
  }
};
