import { protocolSuite } from '../suites/protocol.suite.js';
import { mavenDescription } from '../support/maven/description.js';

protocolSuite(mavenDescription);
