import { protocolSuite } from '../suites/protocol.suite.js';
import { cargoDescription } from '../support/cargo/description.js';

protocolSuite(cargoDescription);
