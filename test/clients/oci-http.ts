import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { accessSuite } from '../suites/ociaccess.suite.js';
import { restartSuite, uploadSuite } from '../suites/ociupload.suite.js';
import { startDistribution, startOciServer } from '../support/oci/server.js';
import { startS3Server } from '../support/store/s3-server.js';

// What no client can be made to do, or not at the right moment: uploads that break off at every stage, and a look at
// what is not one's own.
if (process.env.SMARTREGISTRY_OCI_PEER) {
  const peer = await startDistribution();
  t.teardown(() => peer?.stop());
  if (peer) {
    uploadSuite(t, peer, 'distribution');
  }
} else {
  const data = await mkdtemp(join(tmpdir(), 'smartregistry-oci-'));
  t.teardown(() => rm(data, { recursive: true, force: true, maxRetries: 3 }));
  const server = await startOciServer({ data });
  t.teardown(() => server.stop());
  uploadSuite(t, server, 'directory');
  accessSuite(t, server, 'directory');
  restartSuite(t, () => startOciServer({ data }), 'directory');

  const s3 = await startS3Server();
  if (s3) {
    t.teardown(() => s3.stop());
    const onS3 = await startOciServer({ storage: s3.config });
    t.teardown(() => onS3.stop());
    uploadSuite(t, onS3, 'S3');
    accessSuite(t, onS3, 'S3');
    restartSuite(t, () => startOciServer({ storage: s3.config }), 'S3');
  } else {
    t.pass('not run', { skip: 'no S3 server is installed' });
  }
}
