#!/usr/bin/env node
import { main } from './commands.main.js';

process.exitCode = await main(process.argv.slice(2), process.env);
// a socket that some library keeps open must not keep the process; without one this timer does not hold it either
setTimeout(() => process.exit(), 1_000).unref();
