import { protocolSuite } from '../suites/protocol.suite.js';
import { rubygemsDescription } from '../support/rubygems/description.js';

protocolSuite(rubygemsDescription);
