import { protocolSuite } from '../suites/protocol.suite.js';
import { pypiDescription } from '../support/pypi/description.js';

protocolSuite(pypiDescription);
