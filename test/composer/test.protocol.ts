import { protocolSuite } from '../suites/protocol.suite.js';
import { composerDescription } from '../support/composer/description.js';

protocolSuite(composerDescription);
