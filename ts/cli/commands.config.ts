import { resolve } from 'node:path';
import { configAdvice } from '../helpers.scopeadvice.js';
import { type ICommand, parseCommand } from './helpers.commandline.js';
import { readConfigFile } from './helpers.configfile.js';
import { warnOf } from './helpers.log.js';
import { refusedAtStart } from './helpers.trialstart.js';

export const configCheck: ICommand = {
  help: `Usage: smartregistry config check FILE

Checks a configuration file, with the environment's variables in it, and prints everything that is wrong with it. The
exit code is 0 if nothing is, else 1. No store is opened.
`,
  async run(args, env) {
    const { operands } = parseCommand(args, {}, ['FILE']);
    const [file] = operands as [string];
    const { config, problems } = await readConfigFile(resolve(file), env);
    if (problems.length === 0) problems.push(...(await refusedAtStart(config)));
    for (const { message } of problems) process.stderr.write(`${message}\n`);
    if (problems.length > 0) return 1;
    warnOf(configAdvice(config));
    process.stdout.write(`${file} is a valid configuration\n`);
    return 0;
  },
};

export const configSchema: ICommand = {
  help: `Usage: smartregistry config schema

Prints the JSON Schema of a configuration file. With it beside the file, and "$schema": "./schema.json" in the file,
an editor completes names and marks mistakes.
`,
  async run(args) {
    parseCommand(args, {});
    const { fileJsonSchema } = await import('./helpers.jsonschema.js');
    process.stdout.write(`${JSON.stringify(fileJsonSchema(), null, 2)}\n`);
    return 0;
  },
};
