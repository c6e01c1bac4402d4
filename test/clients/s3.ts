import t from 'tap';
import { shortRing } from '../suites/clientring.suite.js';
import { startServer } from '../support/client/server.js';
import { startS3Server } from '../support/store/s3-server.js';

// One process on S3, and two on one bucket: what one has taken in, the other serves at once.
const s3 = await startS3Server();
if (!s3) {
  t.pass('not run', { skip: 'no S3 server is installed' });
} else {
  t.teardown(() => s3.stop());
  const config = {
    storage: s3.config,
    auth: { jwtSecret: 'only for this test', tokenStore: 'bucket' },
    npm: { enabled: true, basePath: '/npm' },
  };
  const server = await startServer({ config });
  t.teardown(() => server.stop());
  shortRing(['npm-11', 'pnpm-12', 'bun'], { label: 'S3', server });

  const reader = await startServer({ config });
  t.teardown(() => reader.stop());
  shortRing(['npm-10', 'pnpm-10', 'yarn-4'], { label: 'S3, two processes', server, reader });
}
