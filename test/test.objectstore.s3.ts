import { s3Suite } from './helpers/s3-suite.js';

await s3Suite('versitygw');
