// What the tests print: one line for each file, what failed with its details, the sum, and what was skipped and why.
import { Transform } from 'node:stream';
import { Parser } from 'tap-parser';

/** Comments of the runner itself. */
const OF_THE_RUNNER = /^# (Subtest|time=|No coverage generated|failed \d+ of |\{ total)/;

/** How a file was run: the same for all of them. */
const OF_THE_PROCESS = new Set(['stdio', 'cwd', 'externalID', 'command', 'args', 'jobId']);

const sumOf = ({ passed, failed, skipped }) => `${passed} passed, ${failed} failed, ${skipped} skipped`;

const indented = (text) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => `    ${line}\n`)
    .join('');

/** The details of a failure as they are, without quotes around what has several lines. */
const detailsOf = (diag) =>
  Object.entries(diag ?? {})
    .filter(([name]) => !OF_THE_PROCESS.has(name))
    .map(([name, value]) => {
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      return indented(text.includes('\n') ? `${name}:\n${text}` : `${name}: ${text}`);
    })
    .join('');

export default class extends Transform {
  #parser = new Parser();
  #began = Date.now();
  #all = { passed: 0, failed: 0, skipped: 0 };
  #failures = [];
  /** reason -> the tests that were skipped for it */
  #skips = new Map();

  constructor() {
    super();
    let file = this.#newFile();
    this.#follow(this.#parser, [], () => file);
    this.#parser.on('assert', (result) => {
      this.#endFile(file, result);
      file = this.#newFile();
    });
    this.#parser.on('bailout', (reason) => this.#print(`Bail out! ${reason}\n`));
  }

  _transform(chunk, _encoding, done) {
    this.#parser.write(chunk);
    done();
  }

  _flush(done) {
    this.#parser.end();
    if (this.#failures.length > 0) this.#print(`\nfailed:\n${this.#failures.map((name) => `  ${name}\n`).join('')}`);
    this.#print(`\n${sumOf(this.#all)} in ${Math.round((Date.now() - this.#began) / 1000)} s\n`);
    if (this.#skips.size > 0) this.#print('\nskipped:\n');
    for (const [reason, names] of this.#skips) {
      this.#print(`  ${reason}\n${names.map((name) => `    ${name}\n`).join('')}`);
    }
    done();
  }

  #print(text) {
    this.push(text);
  }

  #newFile() {
    return { passed: 0, failed: 0, skipped: 0 };
  }

  /** Counts what has no tests of its own below it; `names` are those of the tests around it. */
  #follow(parser, names, fileOf) {
    let hasChild = false;
    const failedBefore = () => fileOf().failed;
    let failedAtChild = 0;
    parser.on('child', (child) => {
      hasChild = true;
      failedAtChild = failedBefore();
      this.#follow(child, [...names, child.name], fileOf);
    });
    parser.on('comment', (comment) => {
      if (!OF_THE_RUNNER.test(comment)) this.#print(`  ${names.join(' > ')}: ${comment.slice(2)}`);
    });
    parser.on('assert', (result) => {
      const file = fileOf();
      const isSum = hasChild;
      hasChild = false;
      const name = [...names, result.name].join(' > ');
      if (result.skip) this.#skip(file, name, result.skip);
      // a test that ended badly (too late, or with an exit code) although nothing in it had failed
      else if (!result.ok && !result.todo && (!isSum || file.failed === failedAtChild)) this.#fail(file, name, result);
      else if (!isSum && !result.todo) file.passed += 1;
    });
  }

  #skip(file, name, reason) {
    file.skipped += 1;
    const why = reason === true ? 'no reason was given' : reason;
    this.#skips.set(why, [...(this.#skips.get(why) ?? []), name]);
  }

  #fail(file, name, { diag }) {
    file.failed += 1;
    this.#failures.push(name);
    this.#print(`not ok ${name}\n${detailsOf(diag)}`);
  }

  #endFile(file, { ok, name, time }) {
    for (const kind of Object.keys(file)) this.#all[kind] += file[kind];
    const seconds = time === undefined || time === null ? '' : ` in ${(time / 1000).toFixed(1)} s`;
    this.#print(`${ok ? 'ok' : 'FAILED'} ${name}: ${sumOf(file)}${seconds}\n`);
  }
}
