import t from 'tap';
import { ociClientNames } from '../helpers/oci-list.js';
import { startOciServer } from '../helpers/oci-server.js';
import { startS3Server } from '../helpers/s3-server.js';
import { ociFlows } from '../suites/ociring.suite.js';

const s3 = await startS3Server();
if (s3) {
  t.teardown(() => s3.stop());
  const server = await startOciServer({ storage: s3.config });
  t.teardown(() => server.stop());
  ociFlows(ociClientNames, { label: 'containers, S3', server });
} else {
  t.pass('not run', { skip: 'no S3 server is installed' });
}
