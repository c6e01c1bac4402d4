import { ociDirectoryRing } from '../suites/ociring.suite.js';

await ociDirectoryRing('crane');
