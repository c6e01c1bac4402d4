import { protocolSuite } from '../suites/protocol.suite.js';
import { npmDescription } from '../support/npm/description.js';

protocolSuite(npmDescription);
