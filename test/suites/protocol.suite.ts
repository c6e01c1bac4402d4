import t from 'tap';
import type { IProtocolDescription } from '../support/protocol/description.js';
import { protocolReading } from './protocol.reading.js';
import { protocolRights } from './protocol.rights.js';
import { protocolWriting } from './protocol.writing.js';

/** What holds for every protocol of packages, whatever its wire format is. */
export const protocolSuite = (about: IProtocolDescription): void => {
  protocolRights(t, about);
  protocolReading(t, about);
  protocolWriting(t, about);
};
