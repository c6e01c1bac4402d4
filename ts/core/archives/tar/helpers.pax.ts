import { invalidArchive } from '../helpers.paths.js';

/** Fields that say which entry it is, and where its content ends. */
const DECISIVE = new Set(['path', 'linkpath', 'size']);

/** The records `{length} {field}={value}\n`; undefined if the text is no list of them. */
const recordsOf = (text: Buffer): [field: string, value: string][] | undefined => {
  const records: [string, string][] = [];
  for (let at = 0; at < text.length && text[at] !== 0; ) {
    const blank = text.indexOf(' ', at);
    const digits = blank < 0 ? '' : text.toString('latin1', at, Math.min(blank, at + 20));
    const end = at + Number(digits);
    if (!/^[1-9]\d{0,9}$/.test(digits) || end > text.length || text[end - 1] !== 0x0a) return undefined;
    const equals = text.indexOf('=', blank);
    if (equals < 0 || equals >= end) return undefined;
    records.push([text.toString('utf8', blank + 1, equals), text.toString('utf8', equals + 1, end - 1)]);
    at = end;
  }
  return records;
};

/**
 * Throws `invalid` for pax fields that readers of tar do not all obey. Python takes the name of an entry from
 * `GNU.sparse.name` and from global headers, which cargo and Node do not; of a field that is there twice, cargo takes the
 * first and the others the last.
 * @param type `x`: for the next entry, `g`: for all that follow
 */
export const assertPlainPax = (noun: string, type: string, content: Buffer): void => {
  const records = recordsOf(content);
  if (!records) throw invalidArchive(`${noun} has a damaged pax header`);
  const seen = new Set<string>();
  for (const [field, value] of records) {
    const isDecisive = DECISIVE.has(field);
    const isRead =
      !field.startsWith('GNU.sparse.') && (!isDecisive || (type === 'x' && value !== '' && !seen.has(field)));
    if (!isRead) throw invalidArchive(`${noun} has a pax header that not all tools read in the same way (${field})`);
    if (isDecisive) seen.add(field);
  }
};
