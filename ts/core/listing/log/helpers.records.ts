import { RegistryError } from '../../classes.registryerror.js';
import type { ILogChange } from './interfaces.log.js';

/**
 * A record of the log as it is stored, in the tail of the head and in segments: `{serial} {name} {text}`. Readers get
 * what follows the serial.
 */

const SPACE = 0x20;
const NEWLINE = 0x0a;

const NAME = /^[^\u0000-\u0020\u007f]+$/;

export const recordOf = (name: string, { serial, text }: ILogChange): string => {
  if (!NAME.test(name) || /[\r\n]/.test(text) || !Number.isSafeInteger(serial)) {
    throw new RegistryError('internal', 'This is not a line of a log', { cause: new Error(JSON.stringify(name)) });
  }
  return `${serial} ${name} ${text}`;
};

export const serializeRecords = (records: readonly string[]): Buffer =>
  records.length === 0 ? Buffer.alloc(0) : Buffer.from(`${records.join('\n')}\n`);

/** The last serial that these records have of a package; 0 if none. */
export const lastSerialIn = (records: readonly string[], name: string): number => {
  const part = ` ${name} `;
  for (let at = records.length - 1; at >= 0; at--) {
    const record = records[at] as string;
    if (record.startsWith(part, record.indexOf(' '))) return Number.parseInt(record, 10);
  }
  return 0;
};

/** The positions of one stored record in bytes. */
export interface IRecordPlace {
  serial: number;
  name: string;
  /** the line that readers get, with its line break; empty if they get none */
  from: number;
  /** exclusive */
  to: number;
}

const placeAt = (bytes: Buffer, at: number): IRecordPlace => {
  const to = bytes.indexOf(NEWLINE, at) + 1;
  const nameAt = bytes.indexOf(SPACE, at) + 1;
  const textAt = bytes.indexOf(SPACE, nameAt) + 1;
  const isWhole = to > 0 && nameAt > 0 && textAt > nameAt + 1 && textAt < to;
  const serial = isWhole ? Number(bytes.toString('latin1', at, nameAt - 1)) : Number.NaN;
  if (!Number.isSafeInteger(serial)) throw new SyntaxError('This is not a record of a log');
  // decoded on its own, because a part of a long text would keep all of it in memory
  const name = bytes.toString('utf8', nameAt, textAt - 1);
  return { serial, name, from: textAt === to - 1 ? to : nameAt, to };
};

/**
 * The records in these bytes, one after another.
 * @throws SyntaxError if the bytes are damaged
 */
export function* placesIn(bytes: Buffer): Generator<IRecordPlace, void, undefined> {
  for (let at = 0; at < bytes.byteLength; ) {
    const place = placeAt(bytes, at);
    at = place.to;
    yield place;
  }
}
