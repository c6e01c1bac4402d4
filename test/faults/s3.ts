import t from 'tap';
import { faultSuite } from '../suites/faults.suite.js';
import { startS3Server } from '../support/store/s3-server.js';

const server = await startS3Server();
t.teardown(async () => server?.stop());
// A prime, so that it is not always the same interferer. What the driver once got wrong is tried whole.
const options = { oneOf: 29, always: ['answer lost, others write', 'twice: others wrote'] };
if (server) faultSuite(t, { kind: 'S3', config: server.config }, options);
else t.pass('not run', { skip: 'no versitygw here' });
