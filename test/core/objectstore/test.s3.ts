import { s3Suite } from '../../support/store/s3-suite.js';

await s3Suite('versitygw');
