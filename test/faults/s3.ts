import t from 'tap';
import { faultSuite } from '../suites/faults.suite.js';
import { startS3Server } from '../support/store/s3-server.js';

const server = await startS3Server();
t.teardown(async () => server?.stop());
// Primes, so that it is not always the same interferer. Of what the driver once got wrong more is tried.
const options = { oneOf: 29, rates: { 'answer lost, others write': 3, 'twice: others wrote': 3 } };
if (server) faultSuite(t, { kind: 'S3', config: server.config }, options);
else t.pass('not run', { skip: 'no versitygw here' });
