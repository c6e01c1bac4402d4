import t from 'tap';
import { createLogger, type ILoggerOptions } from '../../../ts/core/base/helpers.log.js';

/** A logger and the lines that it wrote, without their times. */
const recorder = (options: ILoggerOptions) => {
  const lines: string[] = [];
  const logger = createLogger({ ...options, write: (line) => lines.push(line) });
  return { logger, lines, texts: () => lines.map((line) => line.replace(/^\S+ /, '').trimEnd()) };
};

t.test('a level and what lies above it is written', async (t) => {
  const written = (level?: ILoggerOptions['level']) => {
    const { logger, texts } = recorder({ level });
    for (const name of ['debug', 'info', 'warn', 'error'] as const) logger[name]?.('x');
    return texts();
  };
  t.same(written('debug'), ['debug x', 'info x', 'warn x', 'error x']);
  t.same(written('info'), ['info x', 'warn x', 'error x']);
  t.same(written(), ['warn x', 'error x'], 'the default');
  t.same(written('error'), ['error x']);
  t.same(written('silent'), []);
});

t.test('text: fields as name=value, quoted where that is needed, on one line', async (t) => {
  const { logger, lines, texts } = recorder({});
  logger.warn('a\nb', {
    n: 1,
    word: 'plain',
    text: 'two words',
    quote: 'a"b',
    empty: '',
    none: undefined,
    stack: 'x\n  y',
  });
  t.same(texts(), ['warn a\ufffdb n=1 word=plain text="two words" quote="a\\"b" empty="" stack="x\\n  y"']);
  t.match(lines[0], /^\d{4}-\d\d-\d\dT[\d:.]+Z warn /);
});

t.test('json: an object on each line, and no field takes the place of time, level or msg', async (t) => {
  const { logger, lines } = recorder({ format: 'json' });
  logger.error('it failed', { message: 'why', level: 'mine', msg: 'mine', list: [1], none: undefined });
  t.equal(lines.length, 1);
  t.equal(lines[0]?.indexOf('\n'), (lines[0]?.length ?? 0) - 1);
  const { time, ...rest } = JSON.parse(lines[0] as string) as Record<string, unknown>;
  t.match(time, /^\d{4}-\d\d-\d\dT/);
  t.same(rest, { level: 'error', msg: 'it failed', message: 'why', list: [1] });
});

t.test('json: nothing that others chose reaches the terminal of a reader', async (t) => {
  const { logger, lines } = recorder({ format: 'json' });
  const path = '/\u009b2J\u2028\u202ex\u007f';
  logger.error(path, { path });
  t.notMatch(lines[0]?.trimEnd(), /[^\x20-\x7e]/);
  t.match(JSON.parse(lines[0] as string), { msg: path, path });
});

t.test('whatever is logged, logging does not fail', async (t) => {
  const error = Object.assign(new Error('no answer'), { self: {} });
  error.self = error;
  const circular: { self?: object } = {};
  circular.self = circular;
  const fields = { error, circular, big: 1n, fn: () => 1 };
  const text = recorder({});
  text.logger.warn('x', fields);
  t.match(text.texts()[0], /^warn x error="Error: no answer" circular=\[object Object\] big=\[object BigInt\] fn=/);
  const json = recorder({ format: 'json' });
  json.logger.warn('x', fields);
  t.match(JSON.parse(json.lines[0] as string), { error: 'Error: no answer', circular: '[object Object]' });
});
