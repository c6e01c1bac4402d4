import { invalid } from '../../core/base/helpers.errors.js';
import type { RegistryError } from '../../core/classes.registryerror.js';

/** levels; POMs have some ten */
const MAX_DEPTH = 64;
/** tags, comments and other markup; a BOM of a thousand dependencies has some 12,000 tags, the largest ones some 40,000 */
const MAX_TAGS = 100_000;

/**
 * A tag with its attributes; a `>` in an attribute does not end it. What follows the name begins with a blank or a slash:
 * if it could begin with any character, a tag of n characters that is not closed would be tried at n places.
 */
const TAG = /<(\/?)([^\s<>"'/]+)((?:[\s/](?:[^<>"']|"[^"<]*"|'[^'<]*')*)?)>/y;

/** Markup that is skipped: start, end. */
const SKIPPED: [start: string, end: string][] = [
  ['<!--', '-->'],
  ['<![CDATA[', ']]>'],
  ['<?', '?>'],
];

/**
 * The names of HTML 4 for Latin-1. Maven's own parser knows them, and POMs of 2005 have `&oslash;` in the names of their
 * developers.
 */
const LATIN1 = `nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3
  acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig
  Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave
  Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave
  iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml`;

/** name -> character; the names of Latin-1 are in the order of its characters, from 160 on */
const REFERENCES: ReadonlyMap<string, string> = new Map([
  ...Object.entries({ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }),
  ...LATIN1.split(/\s+/).map((name, at): [string, string] => [name, String.fromCharCode(160 + at)]),
]);
const REFERENCE = /&(?:#(?:\d{1,7}|x[0-9a-fA-F]{1,6});|([A-Za-z0-9]*);?)/g;

/** The text with characters for references; `assertPlainXml` has found that all are defined. */
export const resolveReferences = (text: string): string =>
  text.replace(/&(?:#(x?)([0-9a-fA-F]+)|([A-Za-z0-9]+));/g, (reference, x: string, code: string, name: string) => {
    if (name !== undefined) return REFERENCES.get(name) ?? reference;
    const point = Number.parseInt(code, x ? 16 : 10);
    return point <= 0x10ffff ? String.fromCodePoint(point) : reference;
  });

/** Throws for a reference to an entity that XML and HTML do not define, and for a bare `&`. */
const assertReferences = (text: string, noun: string): void => {
  if (!text.includes('&')) return;
  for (const [reference, name] of text.matchAll(REFERENCE)) {
    if (name === undefined) continue;
    if (!REFERENCES.has(name) || !reference.endsWith(';')) {
      throw invalid(`${noun} refers to the entity ${JSON.stringify(reference.slice(0, 50))}, which is not defined`);
    }
  }
};

/** The end of markup that is skipped at this position; undefined if there is none. */
const skipAt = (text: string, at: number, malformed: (why: string) => RegistryError): number | undefined => {
  const found = SKIPPED.find(([start]) => text.startsWith(start, at));
  if (!found) return undefined;
  const [start, end] = found;
  const close = text.indexOf(end, at + start.length);
  if (close < 0) throw malformed(`${start} is not closed`);
  return close + end.length;
};

/**
 * Throws `invalid` unless the text is well-formed XML of one root, without a document type: that could define entities
 * which unpack to any size, or name files of this machine. It reads the text once, before a tree is built from it.
 */
export const assertPlainXml = (text: string, noun: string): void => {
  const malformed = (why: string) => invalid(`${noun} is not well-formed XML: ${why}`);
  const open: string[] = [];
  let roots = 0;
  let tags = 0;
  let end = 0;
  const between = (from: number, to: number): void => {
    const piece = text.slice(from, to);
    assertReferences(piece, noun);
    if (open.length === 0 && piece.trim() !== '') throw malformed('there is text outside the root element');
  };
  for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', end)) {
    between(end, at);
    if (++tags > MAX_TAGS) throw invalid(`${noun} has more than ${MAX_TAGS} tags and comments`);
    const skipped = skipAt(text, at, malformed);
    if (skipped !== undefined) {
      end = skipped;
      continue;
    }
    if (text.startsWith('<!', at)) {
      throw invalid(`${noun} has a document type (DTD) or an entity, which this registry does not accept`);
    }
    TAG.lastIndex = at;
    const tag = TAG.exec(text);
    if (!tag) throw malformed(`a tag is not closed: ${JSON.stringify(text.slice(at, at + 40))}`);
    const [whole, slash, name, attributes] = tag as unknown as [string, string, string, string];
    end = at + whole.length;
    assertReferences(attributes, noun);
    if (slash !== '') {
      if (open.pop() !== name) throw malformed(`</${name.slice(0, 50)}> closes another element`);
      continue;
    }
    if (open.length === 0 && roots++ > 0) throw malformed('there are two root elements');
    if (attributes.endsWith('/')) continue;
    open.push(name);
    if (open.length > MAX_DEPTH) throw invalid(`${noun} is nested more than ${MAX_DEPTH} levels deep`);
  }
  between(end, text.length);
  const [unclosed] = open.slice(-1);
  if (unclosed !== undefined) throw malformed(`<${unclosed.slice(0, 50)}> is not closed`);
  if (roots === 0) throw malformed('it has no element');
};
