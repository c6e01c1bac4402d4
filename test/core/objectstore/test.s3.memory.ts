import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { startS3Server } from '../../support/store/s3-server.js';

const GIB = 1024 ** 3;
const child = fileURLToPath(new URL('../../support/store/s3-memory-child.ts', import.meta.url));
const server = await startS3Server();
t.teardown(async () => server?.stop());

t.test('1 GiB costs little memory', { skip: server ? false : 'no S3 server here', timeout: 280_000 }, async (t) => {
  for (const mode of ['unknown', 'sized', 'get']) {
    const args = ['--import=tsx', child, JSON.stringify(server!.config), mode, String(GIB)];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const { growth, mibPerSecond } = JSON.parse(stdout) as { growth: number; mibPerSecond: number };
    t.comment(`${mode}: ${mibPerSecond.toFixed(0)} MiB/s, RSS +${growth.toFixed(0)} MiB`);
    t.ok(growth < 150, `${mode}: ${growth.toFixed(0)} MiB`);
  }
});
