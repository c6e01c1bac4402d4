import t from 'tap';
import { ociFlows } from '../suites/ociring.suite.js';
import { ociClientNames } from '../support/oci/list.js';
import { startOciServer } from '../support/oci/server.js';
import { startS3Server } from '../support/store/s3-server.js';

const s3 = await startS3Server();
if (s3) {
  t.teardown(() => s3.stop());
  const server = await startOciServer({ storage: s3.config });
  t.teardown(() => server.stop());
  ociFlows(ociClientNames, { label: 'containers, S3', server });
} else {
  t.pass('not run', { skip: 'no S3 server is installed' });
}
