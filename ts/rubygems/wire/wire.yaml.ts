import { isAlias, isMap, isScalar, isSeq, Lexer, type Node, parseDocument, type Scalar } from 'yaml';
import { invalid } from '../../core/base/helpers.errors.js';
import type { RegistryError } from '../../core/classes.registryerror.js';

/** A value of a YAML file. Scalars stay texts; null is what YAML writes as nothing, `~` or `null`. */
export type TYaml = string | null | readonly TYaml[] | ReadonlyMap<string, TYaml>;

/**
 * The classes that RubyGems itself loads from a gemspec. Any other one is refused: a client would refuse the gem, and
 * old clients would make an object of it.
 * @see RubyGems, `Gem::SafeYAML::PERMITTED_CLASSES`
 */
const CLASSES: ReadonlySet<string> = new Set(
  [
    'Gem::Specification',
    'Gem::Version',
    'Gem::Version::Requirement',
    'Gem::Requirement',
    'Gem::Dependency',
    'Gem::Platform',
    'YAML::Syck::DefaultKey',
    'Syck::DefaultKey',
  ].map((name) => `!ruby/object:${name}`),
);

const CORE_TAGS: ReadonlySet<string> = new Set(
  ['str', 'map', 'seq', 'null', 'int', 'float', 'bool', 'timestamp'].map((name) => `tag:yaml.org,2002:${name}`),
);
const BINARY: ReadonlySet<string> = new Set(['!binary', 'tag:yaml.org,2002:binary']);
const PLAIN: ReadonlySet<string> = new Set(['!', '!str', '!ruby/string', '!ruby/symbol', '!ruby/sym']);

const NULLS: ReadonlySet<string> = new Set(['', '~', 'null', 'Null', 'NULL']);

/** levels; a gemspec has six */
const MAX_DEPTH = 16;
/** Aliases: old gems write a requirement once and name it again in each dependency. */
const MAX_ALIASES = 100;
/** values with those that aliases stand for */
const MAX_NODES = 100_000;
/** characters with those that aliases stand for */
const MAX_EXPANDED = 8 * 1024 * 1024;

interface IExpanded {
  value: TYaml;
  nodes: number;
  characters: number;
}

/** Converts the nodes of one document; what is too deep, too large or of a foreign class throws `invalid`. */
class YamlReader {
  private readonly anchors = new Map<string, IExpanded>();
  private aliases = 0;
  private nodes = 0;
  private characters = 0;

  constructor(private readonly noun: string) {}

  public read(node: unknown, depth = 0): TYaml {
    if (depth > MAX_DEPTH) throw invalid(`${this.noun} is nested too deeply`);
    if (isAlias(node)) return this.repeat(node.source);
    const [nodes, characters] = [this.nodes, this.characters];
    this.grow(1, 0);
    const value = this.valueOf(node, depth);
    const anchor = (node as { anchor?: string } | null)?.anchor;
    // set behind the value: an alias inside of it would be endless
    if (anchor !== undefined) {
      this.anchors.set(anchor, { value, nodes: this.nodes - nodes, characters: this.characters - characters });
    }
    return value;
  }

  private valueOf(node: unknown, depth: number): TYaml {
    if (node === null || node === undefined) return null;
    this.assertTag((node as Node).tag);
    if (isScalar(node)) return this.scalar(node);
    if (isSeq(node)) return node.items.map((item) => this.read(item, depth + 1));
    if (!isMap(node)) throw this.damaged();
    const entries = new Map<string, TYaml>();
    for (const { key, value } of node.items) {
      const name = this.read(key, depth + 1);
      if (typeof name !== 'string') throw invalid(`${this.noun} has a key that is no text`);
      // Ruby puts the keys of another map over those that are here, and would read another name
      if (name === '<<') throw invalid(`${this.noun} has a merge key, which no gemspec has`);
      if (entries.has(name)) throw invalid(`${this.noun} has a key twice`);
      entries.set(name, this.read(value, depth + 1));
    }
    return entries;
  }

  private scalar(node: Scalar): string | null {
    // not the value: the parser makes numbers, days and bytes of what has a tag of YAML's own
    const text = node.source ?? '';
    this.grow(0, text.length);
    if (node.type === 'PLAIN' && NULLS.has(text)) return null;
    return BINARY.has(node.tag ?? '') ? Buffer.from(text, 'base64').toString('utf8') : text;
  }

  private assertTag(tag: string | undefined): void {
    if (tag === undefined || CORE_TAGS.has(tag) || BINARY.has(tag) || PLAIN.has(tag) || CLASSES.has(tag)) return;
    throw invalid(`${this.noun} has a value of the class ${tag.slice(0, 100)}, which no gemspec has`);
  }

  private repeat(anchor: string): TYaml {
    const found = this.anchors.get(anchor);
    if (!found) throw invalid(`${this.noun} has an alias without its anchor`);
    this.aliases++;
    if (this.aliases > MAX_ALIASES) throw invalid(`${this.noun} has more than ${MAX_ALIASES} aliases`);
    this.grow(found.nodes, found.characters);
    return found.value;
  }

  private grow(nodes: number, characters: number): void {
    this.nodes += nodes;
    this.characters += characters;
    if (this.nodes > MAX_NODES) throw invalid(`${this.noun} has more than ${MAX_NODES} values`);
    if (this.characters > MAX_EXPANDED) throw invalid(`${this.noun} is too large with its aliases`);
  }

  private damaged(): RegistryError {
    return invalid(`${this.noun} is not valid YAML`);
  }
}

/** characters; texts that are longer take too long to look at, whatever is in them */
const MAX_TEXT = 1024 * 1024;
/** The parser needs 0.2 s for a text with so many lines. */
const MAX_LINES = 50_000;
/** The parser needs half a second for so many words, and nothing else runs meanwhile. */
const MAX_WORDS = 30_000;

/**
 * An escape that double quotes do not know, or one that names no character. The parser makes an error of each, and a text
 * may have 200,000 of them.
 */
const BAD_ESCAPE =
  /\\(?:[^0abefnrtvLNP_ /\\"xuU\t\r\n]|\r(?!\n)|x(?![\dA-Fa-f]{2})|u(?![\dA-Fa-f]{4})|U(?!00(?:0[\dA-Fa-f]|10)[\dA-Fa-f]{4}))/;

/** An escaped backslash hides what follows it, and is no digit of the escape before it. */
const hasBadEscape = (word: string): boolean => BAD_ESCAPE.test(word.replaceAll('\\\\', ' '));

/** Whether a text has more lines than that; it is not looked at to its end if so. */
export const hasMoreLines = (text: string, most: number): boolean => {
  let lines = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) if (++lines > most) return true;
  return false;
};

/** Throws for what would keep the parser busy for long; splitting the text into words takes a tenth of parsing it. */
const assertShort = (text: string, noun: string): void => {
  if (text.length > MAX_TEXT) throw invalid(`${noun} has more than ${MAX_TEXT} characters`);
  if (hasMoreLines(text, MAX_LINES)) throw invalid(`${noun} has more than ${MAX_LINES} lines`);
  let words = 0;
  let brackets = 0;
  for (const word of new Lexer().lex(text)) {
    if (++words > MAX_WORDS) throw invalid(`${noun} has more than ${MAX_WORDS} words`);
    if (word === '[' || word === '{') brackets++;
    else if (word === ']' || word === '}') brackets--;
    if (brackets > MAX_DEPTH) throw invalid(`${noun} is nested too deeply`);
    if (word.startsWith('"') && hasBadEscape(word)) throw invalid(`${noun} is not valid YAML`);
  }
};

/**
 * Parses the YAML of a gem. All scalars stay texts (`1.10` is no number), and no object is made of them.
 * @param noun how messages call the text, e.g. `The gemspec`
 */
export const parseYaml = (text: string, noun: string): TYaml => {
  assertShort(text, noun);
  let document: ReturnType<typeof parseDocument>;
  try {
    document = parseDocument(text, {
      schema: 'failsafe',
      // `silent` would also accept a second document
      logLevel: 'error',
      // they are checked by `YamlReader`: the parser compares each key with all before it
      uniqueKeys: false,
      // pretty ones hold a part of the text each
      prettyErrors: false,
    });
  } catch (cause) {
    // the parser recurses
    throw invalid(`${noun} is not valid YAML, or it is nested too deeply`, cause);
  }
  const [error] = document.errors;
  if (error) throw invalid(`${noun} is not valid YAML`, error);
  return new YamlReader(noun).read(document.contents);
};
