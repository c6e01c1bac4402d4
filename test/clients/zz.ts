import t from 'tap';
import { startServer } from '../helpers/client-server.js';
import { startS3Server } from '../helpers/s3-server.js';
import { shortRing } from '../suites/clientring.suite.js';
import { writeFileSync } from 'node:fs';
const s3 = (await startS3Server())!;
  t.teardown(() => s3.stop());
  const config = {
    storage: s3.config,
    auth: { jwtSecret: 'only for this test', tokenStore: 'bucket' },
    npm: { enabled: true, basePath: '/npm' },
  };
  const server = await startServer({ config });
  t.teardown(() => server.stop());
  const reader = await startServer({ config });
  t.teardown(() => reader.stop());
  shortRing(['yarn-4'], { label: 'S3, two processes', server, reader });
setInterval(()=>{ writeFileSync('/tmp/cl/zz.server', server.printed()); writeFileSync('/tmp/cl/zz.reader', reader.printed()); }, 3000).unref();
