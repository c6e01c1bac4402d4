import t from 'tap';
import { childOf, childrenOf, escapeXml, parseXml, textOf } from '../../ts/maven/wire/wire.xml.js';
import { assertPlainXml, resolveReferences } from '../../ts/maven/wire/wire.xmlscan.js';

const NOUN = 'The file';
const parsed = (inner: string) => parseXml(Buffer.from(`<r>${inner}</r>`), 'r', NOUN);

t.test('the text of a child', async (t) => {
  const text = (inner: string) => textOf(parsed(inner), 'a', NOUN);
  for (const [inner, expected] of [
    ['<a>x</a>', 'x'],
    ['<a> x y\n</a>', 'x y'],
    ['<a>1.10</a>', '1.10'],
    ['<a>true</a>', 'true'],
    ['<a b="c">x</a>', 'x'],
    ['<a>&lt;&amp;&#65;</a>', '<&A'],
    ['<a>&amp;lt;</a>', '&lt;'],
    ['<a></a>', undefined],
    ['<a/>', undefined],
    ['<a> </a>', undefined],
    ['<b>x</b>', undefined],
    [`<a>  ${'x'.repeat(10_000)}</a>`, 'x'.repeat(10_000)],
    [`<a>${'x'.repeat(10_001)}</a>`, 'x'.repeat(10_000)],
  ] as const) {
    t.equal(text(inner), expected, inner.slice(0, 30));
  }
  for (const inner of ['<a>x</a><a>y</a>', '<a><b>x</b></a>']) {
    t.throws(
      () => text(inner),
      { kind: 'invalid', message: 'The file has an element <a> that is not one text' },
      inner,
    );
  }
  t.equal(textOf(parsed('<b>x</b>'), 'constructor', NOUN), undefined);
});

t.test('children', async (t) => {
  const child = (inner: string) => childOf(parsed(inner), 'a', NOUN);
  t.same(child('<a><b>x</b></a>'), { b: 'x' });
  for (const inner of ['<a>x</a>', '<a/>', '<b><c>x</c></b>']) t.equal(child(inner), undefined, inner);
  t.throws(() => child('<a><b>x</b></a><a/>'), { kind: 'invalid', message: 'The file has more than one element <a>' });
  t.equal(childOf(parsed('<b>x</b>'), 'constructor', NOUN), undefined);
  const children = (inner: string) => childrenOf(parsed(inner), 'a');
  t.same(children('<a><b>1</b></a><c/><a>x</a><a><b>2</b></a>'), [{ b: '1' }, { b: '2' }]);
  t.same(children('<a><b>1</b></a>'), [{ b: '1' }], 'one is a list too');
  t.same(children('<c/>'), []);
  t.same(childrenOf(parsed('<c/>'), 'constructor'), []);
});

t.test('the root', async (t) => {
  t.same(parsed('<a>x</a>'), { a: 'x' });
  for (const inner of ['', 'text']) t.same(parsed(inner), {}, inner);
  t.same(parseXml(Buffer.from('<x:r xmlns:x="y"><x:a>1</x:a></x:r>'), 'r', NOUN), { a: '1' });
  for (const root of ['constructor', 'toString']) {
    t.throws(() => parseXml(Buffer.from('<r/>'), root, NOUN), {
      kind: 'invalid',
      message: `The file has no element <${root}> at its root`,
    });
  }
});

t.test('encodings', async (t) => {
  const text = (bytes: Buffer) => textOf(parseXml(bytes, 'r', NOUN), 'a', NOUN);
  const xml = (declaration: string) => `${declaration}<r><a>\u00e4</a></r>`;
  const big = Buffer.from(`\ufeff${xml('')}`, 'utf16le').swap16();
  const latin1 = (declaration: string) => Buffer.from(xml(declaration), 'latin1');
  for (const [what, bytes] of [
    ['UTF-8 without a declaration', Buffer.from(xml(''))],
    ['a declaration without an encoding', Buffer.from(xml('<?xml version="1.0"?>'))],
    ['UTF-16 with the high byte first', big],
    ['UTF-16 with the low byte first', Buffer.from(`\ufeff${xml('')}`, 'utf16le')],
    ['Latin-1 in double quotes', latin1('<?xml version="1.0" encoding="ISO-8859-1"?>')],
    ['Latin-1 in single quotes', latin1("<?xml version='1.0' encoding = 'iso-8859-1'?>")],
    ['the mark comes before the declaration', Buffer.from(`\ufeff${xml('<?xml encoding="ISO-8859-1"?>')}`)],
    ['a comment with a declaration', Buffer.from(xml('<!-- <?xml version="1.0" encoding="ISO-8859-1"?> -->'))],
  ] as const) {
    t.equal(text(bytes), '\u00e4', what);
  }
  t.throws(() => text(latin1('')), { kind: 'invalid', message: 'The file is not text in the encoding utf-8' });
  t.throws(() => text(latin1('<?xml encoding="x-none"?>')), { message: 'The file is not text in the encoding x-none' });
});

t.test('marks are escaped, each time', async (t) => {
  t.equal(escapeXml('<a b="c">&amp;\'</a>'), "&lt;a b=&quot;c&quot;&gt;&amp;amp;'&lt;/a&gt;");
});

t.test('references', async (t) => {
  for (const [text, expected] of [
    ['&lt;&gt;&amp;&quot;&apos;', `<>&"'`],
    [
      '&nbsp;&iexcl;&not;&shy;&reg;&sup3;&acute;&Agrave;&Ntilde;&szlig;&oslash;&yacute;&thorn;&yuml;',
      '\u00a0¡¬\u00ad®³´ÀÑßøýþÿ',
    ],
    ['&#65;&#x41;&#x1F600;', 'AA😀'],
    ['&#1114111;&#x10FFFF;', '\u{10ffff}\u{10ffff}'],
    ['&#1114112;&#x110000;', '&#1114112;&#x110000;'],
    ['&none; & &amp', '&none; & &amp'],
    ['&amp;amp;', '&amp;'],
  ] as const) {
    t.equal(resolveReferences(text), expected, text);
  }
});

const fault = (text: string): string | undefined => {
  try {
    assertPlainXml(text, NOUN);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
};

t.test('XML that is accepted', async (t) => {
  for (const text of [
    '<r/>',
    '<r></r>',
    '<r />',
    '<r\n a="1"\tb = \'2\' ></r >',
    '<r a="&quot;/>" b=\'"\'/>',
    ' <?xml version="1.0"?> <!-- a --> <r/> <!-- <b> --> <?pi <c> ?>\n',
    '<r><![CDATA[</r> & <!DOCTYPE>]]></r>',
    '<a.b-c_d:e>x</a.b-c_d:e>',
    '<r>&amp;&eacute;&#1;&#1234567;&#x1;&#xABCDEF;</r>',
    '<r a="&amp;"/>',
    `${'<a>'.repeat(64)}${'</a>'.repeat(64)}`,
    `${'<a>'.repeat(64)}<a/>${'</a>'.repeat(64)}`,
    `<r>${'<a/>'.repeat(99_998)}</r>`,
  ]) {
    t.equal(fault(text), undefined, text.slice(0, 60));
  }
});

t.test('XML that is refused', async (t) => {
  for (const [text, says] of [
    [`${'<a>'.repeat(65)}${'</a>'.repeat(65)}`, 'The file is nested more than 64 levels deep'],
    [`<r>${'<a/>'.repeat(99_999)}</r>`, 'The file has more than 100000 tags and comments'],
    ['<!DOCTYPE r><r/>', 'The file has a document type (DTD) or an entity, which this registry does not accept'],
    ['<r><!ENTITY a "b"></r>', 'The file has a document type (DTD) or an entity, which this registry does not accept'],
    ['<r>&bare;</r>', 'The file refers to the entity "&bare;", which is not defined'],
    ['<r>&amp</r>', 'The file refers to the entity "&amp", which is not defined'],
    ['<r>&</r>', 'The file refers to the entity "&", which is not defined'],
    ['<r>&#12345678;</r>', 'The file refers to the entity "&", which is not defined'],
    ['<r>&#x1234567;</r>', 'The file refers to the entity "&", which is not defined'],
    ['<r>&#xg;</r>', 'The file refers to the entity "&", which is not defined'],
    ['<r a="&none;"/>', 'The file refers to the entity "&none;", which is not defined'],
    ['<r/>&none;', 'The file refers to the entity "&none;", which is not defined'],
    ['', 'it has no element'],
    ['<!-- a -->', 'it has no element'],
    ['a<r/>', 'there is text outside the root element'],
    ['<r/>a', 'there is text outside the root element'],
    ['<r/><!-- -->a', 'there is text outside the root element'],
    ['<r/><s/>', 'there are two root elements'],
    ['<r></r><s></s>', 'there are two root elements'],
    ['<r>', '<r> is not closed'],
    ['<r><a></a>', '<r> is not closed'],
    ['<r><a></r></a>', '</r> closes another element'],
    ['</r>', '</r> closes another element'],
    ['<r/></r>', '</r> closes another element'],
    ['<r><![CDATA[</r>', '<![CDATA[ is not closed'],
    ['<r><!-- ></r>', '<!-- is not closed'],
    ['<r><!--></r>', '<!-- is not closed'],
    ['<r><?></r>', '<? is not closed'],
    ['<r><? ></r>', '<? is not closed'],
    ['<r', 'a tag is not closed: "<r"'],
    ['<r><a b="</r>', 'a tag is not closed: "<a b=\\"</r>"'],
    ['<r a=">', 'a tag is not closed: "<r a=\\">"'],
    ["<r a='<'/>", 'a tag is not closed: "<r a=\'<\'/>"'],
    ['<r a="<"/>', 'a tag is not closed: "<r a=\\"<\\"/>"'],
    ['< r/>', 'a tag is not closed: "< r/>"'],
    ['<>', 'a tag is not closed: "<>"'],
    ['<a"b"/>', 'a tag is not closed: "<a\\"b\\"/>"'],
  ] as const) {
    const whole = says.startsWith('The file') ? says : `The file is not well-formed XML: ${says}`;
    t.equal(fault(text), whole, text.slice(0, 60));
  }
});
